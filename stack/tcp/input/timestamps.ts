/**
 * Timestamps (RFC 7323 3 to 5): what they say about the age of a segment.
 *
 * Round trips are measured finer than their millisecond from our own notes
 * (flight/scoreboard.ts); echoes serve where those are ambiguous.
 */
import { isAfter, isBefore } from '../numbers/sequence.ts';
import type { Segment } from '../segment/segment.ts';
import type { TcpContext } from '../state/context.ts';
import type { Tcb } from '../state/tcb.ts';

/** RFC 7323 5.5: past this the numbers have gone half-way round, and the last one heard says nothing. */
export const TIMESTAMP_VALID_MS = 24 * 24 * 3_600_000;

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
