/**
 * TIME-WAIT (RFC 9293 3.3.2), as a small record in place of the connection.
 *
 * It answers a repeated FIN, and keeps old duplicates from a new connection of
 * the same flow. It never stands in a new connection's way: a SYN with a later
 * timestamp, or beyond all that the old one received, takes its place at once
 * (3.10.7.4, RFC 6191), and past `maxTimeWait` the oldest is forgotten.
 */
import {
  ACK,
  ALIGNED_TIMESTAMPS_BYTES,
  FIN,
  RST,
  SYN,
  TCP_HEADER_BYTES,
  writeTimestampsOption,
} from '../../wire/tcp.ts';
import { isAfter } from '../numbers/sequence.ts';
import { timestampNow } from '../numbers/timestamp.ts';
import { writeSegmentHead } from '../output/bare-segment.ts';
import type { Segment } from '../segment/segment.ts';
import type { TcpContext } from '../state/context.ts';
import type { TimeWait } from '../state/time-wait-record.ts';

/** Takes the place of the connection in the flow table. */
export function enterTimeWait(context: TcpContext, entry: TimeWait): void {
  context.flows.set(entry.flow, entry);
  context.timeWaits.add(entry);
  context.counters.tcpTimeWait++;
  const oldest = context.timeWaits.oldest;
  if (context.timeWaits.size > context.limits.maxTimeWait && oldest !== null) {
    context.counters.tcpTimeWaitEvicted++;
    removeTimeWait(context, oldest);
  }
}

export function removeTimeWait(context: TcpContext, entry: TimeWait): void {
  context.flows.remove(entry.flow);
  context.timeWaits.remove(entry);
}

export function expireTimeWaits(context: TcpContext, nowMs: number): void {
  for (;;) {
    const oldest = context.timeWaits.oldest;
    if (oldest === null || oldest.expiresAt > nowMs) return;
    removeTimeWait(context, oldest);
  }
}

/** @returns true where the segment opens a new connection: the record is gone, and the caller goes on */
export function segmentInTimeWait(context: TcpContext, entry: TimeWait, segment: Segment): boolean {
  const { flags } = segment;
  if ((flags & RST) !== 0) {
    // The exact number alone (RFC 5961 3.2). A guest that got our ACK for its new SYN answers so.
    if (segment.sequence === entry.rcvNxt) removeTimeWait(context, entry);
    else context.counters.tcpResetsImplausible++;
    return false;
  }
  if ((flags & (SYN | ACK)) === SYN && isNewConnection(entry, segment)) {
    removeTimeWait(context, entry);
    context.counters.tcpTimeWaitTakenOver++;
    return true;
  }
  // An ACK without more says nothing that would need an answer.
  if ((flags & (SYN | FIN)) === 0 && segment.payloadLength === 0) return false;
  if ((flags & FIN) !== 0) {
    context.timeWaits.remove(entry);
    entry.expiresAt = context.clock.nowMs + context.limits.timeWaitMs;
    context.timeWaits.add(entry);
  }
  answer(context, entry);
  return false;
}

/**
 * RFC 6191 2: a later timestamp shows that the SYN is new, whatever its number;
 * at the same one, or without any, the number has to.
 */
function isNewConnection(entry: TimeWait, segment: Segment): boolean {
  const { synOptions } = segment;
  if (entry.timestamps && synOptions.timestamps) {
    if (isAfter(synOptions.timestampValue, entry.tsRecent)) return true;
    if (synOptions.timestampValue !== entry.tsRecent) return false;
  }
  return isAfter(segment.sequence, entry.rcvNxt);
}

function answer(context: TcpContext, entry: TimeWait): void {
  const { transmitter, clock } = context;
  const { frame } = transmitter;
  const optionBytes = entry.timestamps ? ALIGNED_TIMESTAMPS_BYTES : 0;
  const headerLength = TCP_HEADER_BYTES + optionBytes;
  writeSegmentHead(frame, entry.flow, entry.sndNxt, entry.rcvNxt, ACK, entry.window, headerLength, 0);
  if (entry.timestamps) {
    const now = timestampNow(clock.nowMs, entry.timestampOffset);
    writeTimestampsOption(
      frame.head,
      entry.flow.path.transportOffset + TCP_HEADER_BYTES,
      now,
      entry.tsRecent,
    );
  }
  frame.pieceCount = 0;
  context.counters.tcpOut++;
  transmitter.sendOrQueue();
}
