/** What differs between congestion control algorithms: how the window grows once it is near what the path holds. */
export interface CongestionAlgorithm {
  /**
   * Congestion avoidance: the window after an ACK of `ackedBytes`, in bytes and fractions.
   *
   * @param rttMs the smoothed round trip
   */
  grow(windowBytes: number, ackedBytes: number, rttMs: number, nowMs: number): number;
  /** A loss was seen. @returns the slow start threshold for a window of so many bytes */
  reduce(windowBytes: number): number;
  /** The loss was none: the last `reduce` is taken back. */
  undo(): void;
  /** Segments are of another size from now on. */
  setSegmentSize(mss: number): void;
  /** The application, not the window, limits the flight: time that does not count. */
  pause(nowMs: number): void;
}
