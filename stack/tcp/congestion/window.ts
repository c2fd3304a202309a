/**
 * The congestion window: how many bytes may be on the way.
 *
 * - Slow start from ten segments (RFC 6928), growing by what is acknowledged;
 *   congestion avoidance by the algorithm (cubic.ts, new-reno.ts).
 * - A window that the flight did not fill does not grow: nothing was learnt of
 *   the path (RFC 7661's concern). After an idle RTO it falls back to the
 *   initial one (RFC 5681 4.1).
 * - In recovery, Proportional Rate Reduction (RFC 6937) brings the flight down
 *   to the threshold in step with what arrives, rather than in one gap and one
 *   burst.
 * - A reduction that turns out to be for nothing is taken back.
 *
 * On the one-hop link this usually runs on, nothing is lost and the window is
 * soon past the send buffer; it then costs one comparison a turn.
 */
import type { CongestionControlName } from '../../limits.ts';
import { isAfter } from '../numbers/sequence.ts';
import type { CongestionAlgorithm } from './algorithm.ts';
import { Cubic } from './cubic.ts';
import { NewReno } from './new-reno.ts';

/** RFC 6928 2: segments are counted as no larger than Ethernet's. */
const INITIAL_SEGMENT_BYTES = 1460;

/** Two segments at least, since one alone may meet a delayed ACK. */
function initialWindow(segments: number, mss: number): number {
  return Math.min(segments * mss, Math.max(2 * mss, segments * INITIAL_SEGMENT_BYTES));
}

export class CongestionWindow {
  /** In bytes and fractions. */
  windowBytes: number;
  thresholdBytes = Infinity;
  #mss: number;
  readonly #algorithm: CongestionAlgorithm;
  readonly #initialSegments: number;
  #initialBytes: number;
  readonly #maxBytes: number;
  /** ACKs up to here are of a flight that the window limited. */
  #limitedUntil: number;
  // PRR
  #recovering = false;
  #flightAtLoss = 0;
  #delivered = 0;
  #sent = 0;
  // What a reduction replaced.
  #windowBefore = 0;
  #thresholdBefore = 0;

  /** @param maxBytes what the send buffer holds: a window beyond is of no use, and a burst waiting to happen */
  constructor(
    name: CongestionControlName,
    mss: number,
    initialSegments: number,
    firstSequence: number,
    maxBytes: number,
  ) {
    this.#mss = mss;
    this.#algorithm = name === 'cubic' ? new Cubic(mss) : new NewReno(mss);
    this.#initialSegments = initialSegments;
    this.#initialBytes = initialWindow(initialSegments, mss);
    this.windowBytes = this.#initialBytes;
    this.#maxBytes = Math.max(maxBytes, this.windowBytes);
    this.#limitedUntil = firstSequence;
  }

  /**
   * The path carries segments of another size. A window is so many segments, all of whose queues are counted in
   * packets: it keeps their number, as in other stacks, so that a path that has become narrower is not flooded with
   * as many bytes in many more packets.
   */
  setSegmentSize(mss: number): void {
    const factor = mss / this.#mss;
    this.#initialBytes = initialWindow(this.#initialSegments, mss);
    // Before the first loss no smaller than what a connection begins with.
    const least = this.thresholdBytes === Infinity ? Math.min(this.windowBytes, this.#initialBytes) : 0;
    this.windowBytes = Math.max(least, this.windowBytes * factor);
    this.thresholdBytes *= factor;
    this.#windowBefore *= factor;
    this.#thresholdBefore *= factor;
    this.#flightAtLoss *= factor;
    this.#delivered *= factor;
    this.#sent *= factor;
    this.#mss = mss;
    this.#algorithm.setSegmentSize(mss);
  }

  /** How much more may be sent while `pipeBytes` are on the way. */
  room(pipeBytes: number): number {
    return Math.max(0, Math.floor(this.windowBytes) - pipeBytes);
  }

  /** There was more to send than the window let through, up to `sndNxt`. */
  limitedAt(sndNxt: number): void {
    this.#limitedUntil = sndNxt;
  }

  /** Bytes have been sent, again or for the first time. */
  onSent(bytes: number): void {
    if (this.#recovering) this.#sent += bytes;
  }

  /** New bytes are acknowledged outside of recovery; `flightBytes` were in flight before. */
  onDelivered(bytes: number, sndUna: number, flightBytes: number, rttMs: number, nowMs: number): void {
    const slowStart = this.windowBytes < this.thresholdBytes;
    // Twice the flight: in slow start each ACK adds to a window that the next turn will fill.
    const limited = !isAfter(sndUna, this.#limitedUntil) || (slowStart && 2 * flightBytes > this.windowBytes);
    if (!limited) {
      this.#algorithm.pause(nowMs);
      return;
    }
    if (slowStart) {
      // RFC 3465 bounds this by two segments for each ACK; a frame of many segments has one ACK, so by what it took.
      this.windowBytes = Math.min(this.windowBytes + bytes, Math.max(this.thresholdBytes, this.windowBytes));
    } else {
      this.windowBytes = this.#algorithm.grow(this.windowBytes, bytes, rttMs, nowMs);
    }
    if (this.windowBytes > this.#maxBytes) this.windowBytes = this.#maxBytes;
  }

  /** Loss was detected: the flight is to come down to the new threshold (RFC 6937). */
  enterRecovery(flightBytes: number): void {
    this.#remember();
    this.thresholdBytes = this.#algorithm.reduce(this.#reducible(flightBytes));
    this.#recovering = true;
    this.#flightAtLoss = Math.max(flightBytes, this.#mss);
    this.#delivered = 0;
    this.#sent = 0;
  }

  /** An ACK in recovery (RFC 6937 3.1). */
  onRecoveryAck(deliveredBytes: number, pipeBytes: number): void {
    this.#delivered += deliveredBytes;
    let allowed: number;
    if (pipeBytes > this.thresholdBytes) {
      allowed = Math.ceil((this.#delivered * this.thresholdBytes) / this.#flightAtLoss) - this.#sent;
    } else {
      const limit = Math.max(this.#delivered - this.#sent, deliveredBytes) + this.#mss;
      allowed = Math.min(this.thresholdBytes - pipeBytes, limit);
    }
    // The first retransmission goes at once.
    if (this.#sent === 0) allowed = Math.max(allowed, this.#mss);
    this.windowBytes = pipeBytes + Math.max(0, allowed);
  }

  exitRecovery(): void {
    this.#recovering = false;
    this.windowBytes = this.thresholdBytes;
  }

  /** The retransmission timer ran out (RFC 5681 3.1): one segment, then slow start to the threshold. */
  onTimeout(flightBytes: number, first: boolean): void {
    if (first) {
      this.#remember();
      this.thresholdBytes = this.#algorithm.reduce(this.#reducible(flightBytes));
    }
    this.#recovering = false;
    this.windowBytes = this.#mss;
  }

  /** Nothing was lost after all (RFC 4015 3.2). */
  undo(): void {
    this.#recovering = false;
    this.#algorithm.undo();
    this.windowBytes = Math.max(this.windowBytes, this.#windowBefore);
    this.thresholdBytes = this.#thresholdBefore;
  }

  /** The handshake has lost a segment: the path is full before anything else is on it (RFC 5681 3.1). */
  afterLostSyn(): void {
    this.windowBytes = this.#mss;
  }

  /** Nothing was sent for longer than the retransmission timeout (RFC 5681 4.1). */
  afterIdle(): void {
    this.windowBytes = Math.min(this.windowBytes, this.#initialBytes);
  }

  #remember(): void {
    this.#windowBefore = this.windowBytes;
    this.#thresholdBefore = this.thresholdBytes;
  }

  /** RFC 5681 3.1 has the flight reduced, RFC 9438 4.6 the window: a window that was not filled is no measure. */
  #reducible(flightBytes: number): number {
    return Math.min(this.windowBytes, Math.max(flightBytes, 2 * this.#mss));
  }
}
