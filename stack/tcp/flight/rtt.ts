/**
 * Round trips and the retransmission timeout (RFC 6298).
 *
 * One measurement a flight: the first ACK of something sent after the last
 * measurement. What was sent twice is not measured by our own notes (Karn's
 * algorithm); a timestamp's echo tells which copy it was, at the grain of a
 * millisecond.
 *
 * The floor applies to the variance's share alone, as in Linux: a peer may hold
 * an ACK back for 200 ms, and the round trip comes on top of that.
 */
import { isAfter } from '../numbers/sequence.ts';

/** RFC 6298 2.1 */
const INITIAL_RTO_MS = 1000;
/** RFC 6298 5.7: the same, where a SYN had to be repeated and nothing tells how long the way is. */
const CAREFUL_RTO_MS = 3000;
const MAX_BACKOFF = 16;

/** How long the least round trip is remembered, in two halves: a path may have become longer. */
const MIN_RTT_HALF_MS = 150_000;

export class RttEstimator {
  readonly #minRtoMs: number;
  readonly #maxRtoMs: number;
  /** -1 before the first measurement. */
  srttMs = -1;
  rttvarMs = 0;
  /** The least of late; Infinity before the first measurement. */
  minRttMs = Infinity;
  #thisHalfMs = Infinity;
  #halfStartedAtMs = -Infinity;
  #baseRtoMs = INITIAL_RTO_MS;
  #backoff = 0;
  /** Up to here, ACKs belong to the flight that was measured last. */
  #measuredUntil: number;

  constructor(firstSequence: number, minRtoMs: number, maxRtoMs: number) {
    this.#measuredUntil = firstSequence;
    this.#minRtoMs = minRtoMs;
    this.#maxRtoMs = maxRtoMs;
  }

  get rtoMs(): number {
    return Math.min(this.#maxRtoMs, this.#baseRtoMs * 2 ** this.#backoff);
  }

  /** Something new is acknowledged, so the peer is there. */
  heard(): void {
    this.#backoff = 0;
  }

  /** The handshake took more than one SYN, and has not shown the round trip. */
  unmeasuredHandshake(): void {
    this.#baseRtoMs = CAREFUL_RTO_MS;
  }

  /** RFC 6298 5.5 */
  backOff(): void {
    this.#backoff = Math.min(MAX_BACKOFF, this.#backoff + 1);
  }

  /**
   * @param acknowledged what the ACK has reached
   * @param sndNxt the end of the flight that is measured from now on
   */
  measure(rttMs: number, acknowledged: number, sndNxt: number): void {
    if (!isAfter(acknowledged, this.#measuredUntil)) return;
    this.#measuredUntil = sndNxt;
    if (this.srttMs < 0) {
      this.srttMs = rttMs;
      this.rttvarMs = rttMs / 2;
    } else {
      this.rttvarMs = 0.75 * this.rttvarMs + 0.25 * Math.abs(this.srttMs - rttMs);
      this.srttMs = 0.875 * this.srttMs + 0.125 * rttMs;
    }
    this.#baseRtoMs = this.srttMs + Math.max(this.#minRtoMs, 4 * this.rttvarMs);
  }

  /** Each measurement that is not ambiguous, delayed or not, bounds the path from above. */
  bound(rttMs: number, nowMs: number): void {
    if (nowMs - this.#halfStartedAtMs >= MIN_RTT_HALF_MS) {
      this.minRttMs = Math.min(this.#thisHalfMs, rttMs);
      this.#thisHalfMs = rttMs;
      this.#halfStartedAtMs = nowMs;
    }
    if (rttMs < this.#thisHalfMs) this.#thisHalfMs = rttMs;
    if (rttMs < this.minRttMs) this.minRttMs = rttMs;
  }
}
