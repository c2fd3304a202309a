/**
 * What one ACK has shown to have arrived, summed up while the scoreboard is
 * brought up to date: the base of round trips, RACK and congestion control.
 *
 * One instance for all connections, begun anew for each ACK.
 */
import { isAfter, isBefore } from '../numbers/sequence.ts';

export class Delivery {
  /** Newly acknowledged or SACKed. */
  bytes = 0;
  /** Some of it had been sent more than once. */
  retransmitted = false;
  /** Some of it had not. */
  clean = false;
  /** When the earliest and the latest of what was sent once were sent; meaningful with `clean`. */
  firstSentAtMs = 0;
  lastSentAtMs = 0;
  /** Lowest end of what was sent once, highest end of all; meaningful with `clean` and `bytes`. */
  lowestCleanEnd = 0;
  highestEnd = 0;
  /** RACK.segment (RFC 8985 6.2 step 2): the latest sent of what arrived. */
  hasNewest = false;
  newestSentAtMs = 0;
  newestEnd = 0;
  /** A segment that came for nothing has brought the ACK about (RFC 2883). */
  ofDuplicate = false;

  #nowMs = 0;
  #minRttMs = 0;
  /** When the peer's echo says the segment it acknowledges was sent, at the latest; Infinity where it says nothing. */
  #echoSentByMs = Infinity;

  begin(nowMs: number, minRttMs: number, echoSentByMs: number): void {
    this.bytes = 0;
    this.retransmitted = false;
    this.clean = false;
    this.hasNewest = false;
    this.ofDuplicate = false;
    this.#nowMs = nowMs;
    this.#minRttMs = minRttMs;
    this.#echoSentByMs = echoSentByMs;
  }

  add(end: number, length: number, sentAtMs: number, retransmitted: boolean): void {
    if (this.bytes === 0 || isAfter(end, this.highestEnd)) this.highestEnd = end;
    this.bytes += length;
    if (retransmitted) {
      this.retransmitted = true;
      // It may be the first copy that arrived: too fast, or the echo is of before the second (RFC 8985 6.2 step 2).
      if (this.#nowMs - sentAtMs < this.#minRttMs || this.#echoSentByMs < sentAtMs) return;
    } else {
      if (!this.clean || sentAtMs < this.firstSentAtMs) this.firstSentAtMs = sentAtMs;
      if (!this.clean || sentAtMs > this.lastSentAtMs) this.lastSentAtMs = sentAtMs;
      if (!this.clean || isBefore(end, this.lowestCleanEnd)) this.lowestCleanEnd = end;
      this.clean = true;
    }
    if (
      !this.hasNewest ||
      sentAtMs > this.newestSentAtMs ||
      (sentAtMs === this.newestSentAtMs && isAfter(end, this.newestEnd))
    ) {
      this.hasNewest = true;
      this.newestSentAtMs = sentAtMs;
      this.newestEnd = end;
    }
  }
}
