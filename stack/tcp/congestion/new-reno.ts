/** Congestion avoidance of RFC 5681 3.1: a segment more for each window acknowledged, and half on loss. */
import type { CongestionAlgorithm } from './algorithm.ts';

export class NewReno implements CongestionAlgorithm {
  #mss: number;

  constructor(mss: number) {
    this.#mss = mss;
  }

  grow(windowBytes: number, ackedBytes: number): number {
    return windowBytes + (this.#mss * ackedBytes) / windowBytes;
  }

  reduce(windowBytes: number): number {
    return Math.max(windowBytes / 2, 2 * this.#mss);
  }

  undo(): void {}

  setSegmentSize(mss: number): void {
    this.#mss = mss;
  }

  pause(): void {}
}
