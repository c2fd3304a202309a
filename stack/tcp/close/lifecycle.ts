/**
 * The ends of a connection: every way out of the flow table, and what the
 * application hears of it.
 */
import { RST, ACK } from '../../wire/tcp.ts';
import { sendBareSegment } from '../output/bare-segment.ts';
import { windowField } from '../receive/window.ts';
import type { TcpContext } from '../state/context.ts';
import { CLOSED, SYN_SENT, TIME_WAIT } from '../state/state.ts';
import {
  type CloseReason,
  EVENT_ACKNOWLEDGED,
  EVENT_CLOSED,
  EVENT_ESTABLISHED,
  EVENT_READABLE,
  EVENT_URGENT,
  EVENT_WRITABLE,
  type Tcb,
} from '../state/tcb.ts';
import { TimeWait } from '../state/time-wait-record.ts';
import { enterTimeWait } from './time-wait.ts';

/** The connection is gone. Unless it `finished`, bytes that were not read are gone with it. */
export function closeTcb(context: TcpContext, tcb: Tcb, reason: CloseReason): void {
  context.flows.remove(tcb.flow);
  tcb.setState(CLOSED);
  leave(context, tcb, reason);
  context.sendQueuedBytes -= tcb.sendQueue.bytes;
  tcb.sendQueue.clear();
  if (reason !== 'finished') discardReceived(tcb);
}

/** RST now, and nothing after it (RFC 9293 3.10.5). */
export function abortTcb(context: TcpContext, tcb: Tcb, reason: CloseReason): void {
  // In SYN-SENT there is nothing to reset: the peer has not answered (RFC 9293 3.10.5).
  if (tcb.state !== SYN_SENT) sendBareSegment(context, tcb.flow, tcb.bareSequence, tcb.rcvNxt, RST | ACK, 0);
  closeTcb(context, tcb, reason);
}

/** Both FINs are in. The last ACK is still to be sent from here; what comes is TIME-WAIT's to answer. */
export function moveToTimeWait(context: TcpContext, tcb: Tcb): void {
  tcb.setState(TIME_WAIT);
  const expiresAt = context.clock.nowMs + context.limits.timeWaitMs;
  const window = windowField(context, tcb);
  enterTimeWait(context, new TimeWait(tcb, window, expiresAt));
  leave(context, tcb, 'finished');
}

export function discardReceived(tcb: Tcb): void {
  tcb.receiveQueue.discard();
  tcb.outOfOrder = null;
}

/** Calls the application for what has happened. */
export function tellEvents(tcb: Tcb): void {
  const pending = tcb.pendingEvents;
  tcb.pendingEvents = 0;
  if ((pending & EVENT_ESTABLISHED) !== 0 && tcb.state !== CLOSED) tcb.events?.onEstablished?.();
  if ((pending & EVENT_URGENT) !== 0) tcb.events?.onUrgent?.();
  if ((pending & EVENT_READABLE) !== 0) tcb.events?.onReadable?.();
  if ((pending & EVENT_ACKNOWLEDGED) !== 0) tcb.events?.onAcknowledged?.();
  if ((pending & EVENT_WRITABLE) !== 0 && tcb.state !== CLOSED) tcb.events?.onWritable?.();
  // A connection that ended well may still be read; its end is told when that is done.
  if (tcb.closeReason === null || tcb.closeTold || tcb.receiveQueue.unreadBytes > 0) return;
  tcb.closeTold = true;
  tcb.events?.onClosed?.(tcb.closeReason);
}

function leave(context: TcpContext, tcb: Tcb, reason: CloseReason): void {
  context.connectionCount--;
  context.timers.remove(tcb);
  context.waitingWindows.delete(tcb);
  tcb.retransmitAt = Infinity;
  tcb.tailProbeAt = Infinity;
  tcb.reorderAt = Infinity;
  tcb.persistAt = Infinity;
  tcb.delayedAckAt = Infinity;
  tcb.keepAliveAt = Infinity;
  tcb.closeReason = reason;
  context.wantEvent(tcb, EVENT_CLOSED);
}
