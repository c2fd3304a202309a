/**
 * When an ACK goes: at once, or held back to ride on data (RFC 9293 3.8.6.3).
 *
 * ACKs are delayed only where the application has shown that it answers
 * quickly, so that they ride on its answers. Anywhere else a delay gains
 * nothing, and stalls a peer that holds its next small segment back (Nagle).
 * Linux's "pingpong" mode is the same guess.
 */
import type { TcpContext } from '../state/context.ts';
import type { Tcb } from '../state/tcb.ts';

/** An ACK goes at once for two segments, or for as much in a single large one. */
const ACK_AT_ONCE_BYTES = 32_768;

/** Data that answers data within this is a conversation. */
const CONVERSATION_MS = 40;

/** Exchanges that prove one. */
const CONVERSATION = 3;

/**
 * After a delayed ACK that ran out, a conversation must be proved anew, and for
 * longer: a peer that waits for our ACK pays for each wrong guess.
 */
const AFTER_USELESS_DELAY = -16;

/** RFC 5681 3.2: three are enough for the peer to repeat what is missing. */
const MAX_DUPLICATE_ACKS = 3;

export function ackNow(context: TcpContext, tcb: Tcb): void {
  tcb.ackWanted = true;
  context.wantOutput(tcb);
}

/** One for each segment out of order, however many come between two polls. */
export function duplicateAckNow(context: TcpContext, tcb: Tcb): void {
  if (tcb.duplicateAcksOwed < MAX_DUPLICATE_ACKS) tcb.duplicateAcksOwed++;
  context.wantOutput(tcb);
}

/** `length` bytes have come in order. */
export function scheduleAck(context: TcpContext, tcb: Tcb, length: number): void {
  const { nowMs } = context.clock;
  tcb.lastDataAtMs = nowMs;
  tcb.unacknowledgedBytes += length;
  const enough = Math.min(2 * tcb.linkMss, ACK_AT_ONCE_BYTES);
  if (tcb.unacknowledgedBytes >= enough || tcb.interactive < CONVERSATION) {
    ackNow(context, tcb);
  } else if (tcb.delayedAckAt === Infinity) {
    tcb.delayedAckAt = nowMs + context.limits.delayedAckMs;
    context.armTimers(tcb);
  }
}

/** A segment has gone out, and every segment carries an ACK. */
export function acknowledgmentSent(context: TcpContext, tcb: Tcb, withData: boolean): void {
  tcb.ackWanted = false;
  tcb.delayedAckAt = Infinity;
  tcb.unacknowledgedBytes = 0;
  tcb.lastAckSent = tcb.rcvNxt;
  const answers = withData && context.clock.nowMs - tcb.lastDataAtMs < CONVERSATION_MS;
  if (answers && tcb.interactive < CONVERSATION) tcb.interactive++;
}

/** The timer has run out. */
export function delayedAckDue(context: TcpContext, tcb: Tcb): void {
  tcb.delayedAckAt = Infinity;
  tcb.interactive = AFTER_USELESS_DELAY;
  context.counters.tcpDelayedAcks++;
  ackNow(context, tcb);
}
