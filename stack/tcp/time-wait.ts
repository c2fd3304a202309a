/**
 * TIME-WAIT (RFC 9293 3.3.2), as a small record in place of the connection.
 *
 * It answers a repeated FIN, and keeps old duplicates from a new connection of
 * the same flow. It never stands in a new connection's way: a SYN beyond all
 * that the old one received takes its place at once (3.10.7.4, RFC 6191), and
 * past `maxTimeWait` the oldest is forgotten.
 */
import type { Flow } from '../ip/flow.ts';
import type { AgeEntry } from '../storage/age-list.ts';
import { ACK, FIN, RST, SYN } from '../wire/tcp.ts';
import type { TcpContext } from './context.ts';
import { sendBareSegment } from './bare-segment.ts';
import type { Segment } from './segment.ts';
import { isAfter } from './sequence.ts';

export class TimeWait implements AgeEntry<TimeWait> {
  older: TimeWait | null = null;
  younger: TimeWait | null = null;
  expiresAt: number;
  readonly flow: Flow;
  readonly sndNxt: number;
  readonly rcvNxt: number;
  /** As the last ACK had it. */
  readonly window: number;

  constructor(flow: Flow, sndNxt: number, rcvNxt: number, window: number, expiresAt: number) {
    this.flow = flow;
    this.sndNxt = sndNxt;
    this.rcvNxt = rcvNxt;
    this.window = window;
    this.expiresAt = expiresAt;
  }
}

/** Takes the place of the connection in the flow table. */
export function enterTimeWait(context: TcpContext, entry: TimeWait): void {
  entry.flow.writeKey(context.flows.key);
  context.flows.set(entry);
  context.timeWaits.add(entry);
  context.counters.tcpTimeWait++;
  const oldest = context.timeWaits.oldest;
  if (context.timeWaits.size > context.limits.maxTimeWait && oldest !== null) {
    context.counters.tcpTimeWaitEvicted++;
    removeTimeWait(context, oldest);
  }
}

function removeTimeWait(context: TcpContext, entry: TimeWait): void {
  entry.flow.writeKey(context.flows.key);
  context.flows.remove();
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
  if ((flags & (SYN | ACK)) === SYN && isAfter(segment.sequence, entry.rcvNxt)) {
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
  sendBareSegment(context, entry.flow, entry.sndNxt, entry.rcvNxt, ACK, entry.window);
  return false;
}
