/**
 * The retransmission timeout (RFC 6298).
 *
 * One segment at a time is timed, and never one that was sent twice (Karn's
 * algorithm): without timestamps an ACK of that says nothing about which.
 *
 * The floor applies to the variance's share alone, as in Linux: a peer may hold
 * an ACK back for 200 ms, and the round trip comes on top of that.
 */

/** RFC 6298 2.1 */
const INITIAL_RTO_MS = 1000;
const MAX_BACKOFF = 16;

export class RttEstimator {
  readonly #minRtoMs: number;
  readonly #maxRtoMs: number;
  /** -1 before the first measurement. */
  srttMs = -1;
  rttvarMs = 0;
  #baseRtoMs = INITIAL_RTO_MS;
  #backoff = 0;
  #timing = false;
  #timedEnd = 0;
  #timedAtMs = 0;

  constructor(minRtoMs: number, maxRtoMs: number) {
    this.#minRtoMs = minRtoMs;
    this.#maxRtoMs = maxRtoMs;
  }

  get rtoMs(): number {
    return Math.min(this.#maxRtoMs, this.#baseRtoMs * 2 ** this.#backoff);
  }

  /** A segment that ends at `end` was sent for the first time. */
  sent(end: number, nowMs: number): void {
    if (this.#timing) return;
    this.#timing = true;
    this.#timedEnd = end;
    this.#timedAtMs = nowMs;
  }

  /** Something was sent again: whatever is being timed has become ambiguous. */
  retransmitted(): void {
    this.#timing = false;
  }

  /** All before `acknowledgment` has arrived. */
  acknowledged(acknowledgment: number, nowMs: number): void {
    if (this.#timing && ((acknowledgment - this.#timedEnd) | 0) >= 0) {
      this.#timing = false;
      this.#measure(nowMs - this.#timedAtMs);
    }
    this.#backoff = 0;
  }

  /** RFC 6298 5.5 */
  backOff(): void {
    this.#backoff = Math.min(MAX_BACKOFF, this.#backoff + 1);
  }

  #measure(rttMs: number): void {
    if (this.srttMs < 0) {
      this.srttMs = rttMs;
      this.rttvarMs = rttMs / 2;
    } else {
      this.rttvarMs = 0.75 * this.rttvarMs + 0.25 * Math.abs(this.srttMs - rttMs);
      this.srttMs = 0.875 * this.srttMs + 0.125 * rttMs;
    }
    this.#baseRtoMs = this.srttMs + Math.max(this.#minRtoMs, 4 * this.rttvarMs);
  }
}
