/**
 * Timestamps (RFC 7323 3 to 5): what they say about the age of a segment.
 *
 * Our clock ticks once a millisecond, which 5.4 allows and PAWS needs: a
 * finer one would pass its sign bit within the idle time of a connection. Each
 * flow has an offset of its own, so that the clock tells nobody how long the
 * host has been up (7.1), and successive connections of one flow still see it
 * go forward (RFC 6191 leans on that). Round trips are measured finer than this
 * from our own notes (scoreboard.ts); echoes serve where those are ambiguous.
 */
import type { TcpContext } from './context.ts';
import type { Segment } from './segment.ts';
import { isAfter, isBefore } from './sequence.ts';
import type { Tcb } from './tcb.ts';

/** RFC 7323 5.5: past this the numbers have gone half-way round, and the last one heard says nothing. */
export const TIMESTAMP_VALID_MS = 24 * 24 * 3_600_000;

/** What TSval shows at this moment. */
export function timestampNow(nowMs: number, offset: number): number {
  return (Math.floor(nowMs % 2 ** 32) + offset) | 0;
}

/**
 * PAWS (5.3 R1): whether the segment is an old duplicate by its timestamp. One
 * without a timestamp is taken as it is, although 3.2 would have it dropped:
 * middleboxes strip them, and a peer whose ACKs vanish silently cannot find out.
 */
export function isOldDuplicate(context: TcpContext, tcb: Tcb, segment: Segment): boolean {
  const { options } = segment;
  if (!options.hasTimestamps) {
    context.counters.tcpTimestampMissing++;
    return false;
  }
  if (!isBefore(options.timestampValue, tcb.tsRecent)) return false;
  return context.clock.nowMs - tcb.tsRecentAtMs < TIMESTAMP_VALID_MS;
}

/**
 * 4.3 (2), 5.3 R3: the timestamp to echo is that of the segment that was last
 * acknowledged from, so that a delayed ACK's delay is part of the round trip.
 */
export function noteTimestamp(context: TcpContext, tcb: Tcb, segment: Segment): void {
  const { options } = segment;
  if (!options.hasTimestamps || isAfter(segment.sequence, tcb.lastAckSent)) return;
  if (isBefore(options.timestampValue, tcb.tsRecent)) {
    // PAWS let it pass, so the old one has expired.
    if (context.clock.nowMs - tcb.tsRecentAtMs < TIMESTAMP_VALID_MS) return;
  }
  tcb.tsRecent = options.timestampValue;
  tcb.tsRecentAtMs = context.clock.nowMs;
}
