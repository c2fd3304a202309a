/**
 * RACK (RFC 8985 6): a transmission is lost when one that was sent
 * sufficiently later has arrived. Sufficiently is a quarter of the least round
 * trip, where reordering has been seen, and longer as the peer reports
 * duplicates of what was repeated too early.
 *
 * On a clock with fractions of a millisecond, since whole round trips are
 * shorter than one here.
 */
import { isAfter, isBefore } from '../numbers/sequence.ts';
import type { Delivery } from './delivery.ts';
import type { RttEstimator } from './rtt.ts';
import type { Scoreboard } from './scoreboard.ts';

/** RFC 5681 3.2 and RFC 8985 6.2 step 4. */
export const DUPLICATE_THRESHOLD = 3;

/** Recoveries that a widened window lasts (step 4: RACK.reo_wnd_persist). */
const WIDENED_RECOVERIES = 16;

export class Rack {
  /** When the latest sent of what has arrived was sent, and where it ends; -Infinity before. */
  #sentAtMs = -Infinity;
  #end: number;
  #rttMs = 0;
  /** The highest sequence number that has arrived. */
  #forward: number;
  #reorderingSeen = false;
  #windowQuarters = 1;
  #widenedFor = 0;
  /** One widening a round trip: until this is acknowledged. */
  #dsackRoundUntil: number;
  #dsackRound = false;

  constructor(firstSequence: number) {
    this.#end = firstSequence;
    this.#forward = firstSequence;
    this.#dsackRoundUntil = firstSequence;
  }

  /** Steps 1 to 3, with what an ACK has delivered. */
  onDelivered(delivery: Delivery, nowMs: number): void {
    if (delivery.hasNewest) {
      const { newestSentAtMs, newestEnd } = delivery;
      this.#rttMs = nowMs - newestSentAtMs;
      if (
        newestSentAtMs > this.#sentAtMs ||
        (newestSentAtMs === this.#sentAtMs && isAfter(newestEnd, this.#end))
      ) {
        this.#sentAtMs = newestSentAtMs;
        this.#end = newestEnd;
      }
    }
    if (delivery.clean && isBefore(delivery.lowestCleanEnd, this.#forward)) this.#reorderingSeen = true;
    if (delivery.bytes > 0 && isAfter(delivery.highestEnd, this.#forward)) {
      this.#forward = delivery.highestEnd;
    }
  }

  /**
   * The peer reports a duplicate of what was not a tail probe (step 4, RACK_update_reo_wnd).
   *
   * Reordering too: where all that is late is repeated before it arrives, nothing
   * sent once ever arrives late, and step 3 alone would never see it.
   */
  onDuplicateReported(sndUna: number, sndNxt: number): void {
    this.#reorderingSeen = true;
    if (this.#dsackRound && isBefore(sndUna, this.#dsackRoundUntil)) return;
    this.#dsackRound = true;
    this.#dsackRoundUntil = sndNxt;
    this.#windowQuarters++;
    this.#widenedFor = WIDENED_RECOVERIES;
  }

  onRecoveryEnded(): void {
    if (this.#widenedFor === 0) return;
    this.#widenedFor--;
    if (this.#widenedFor === 0) this.#windowQuarters = 1;
  }

  /** Step 5. @returns how long until more may be lost, or 0 */
  detect(scoreboard: Scoreboard, rtt: RttEstimator, recovering: boolean, nowMs: number): number {
    if (this.#sentAtMs === -Infinity) return 0;
    const ageMs = this.#rttMs + this.#windowMs(scoreboard, rtt, recovering);
    return scoreboard.detectLost(this.#sentAtMs, this.#end, ageMs, nowMs);
  }

  #windowMs(scoreboard: Scoreboard, rtt: RttEstimator, recovering: boolean): number {
    if (!this.#reorderingSeen && (recovering || scoreboard.sackedRecords >= DUPLICATE_THRESHOLD)) return 0;
    if (rtt.minRttMs === Infinity) return 0;
    return Math.min((this.#windowQuarters * rtt.minRttMs) / 4, Math.max(rtt.srttMs, 0));
  }
}
