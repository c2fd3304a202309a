/**
 * The fifth check of RFC 9293 3.10.7.4, the ACK field: the end of the handshake,
 * the peer's window, what has been acknowledged, and what that says of loss.
 *
 * Loss is repaired as NewReno does (RFC 6582), one frame for each partial ACK;
 * there is no congestion window yet: the link is one hop, and says itself when
 * it is full.
 */
import { FIN } from '../wire/tcp.ts';
import { sendBareSegment } from './bare-segment.ts';
import { challenge } from './challenge.ts';
import type { TcpContext } from './context.ts';
import { closeTcb, moveToTimeWait } from './lifecycle.ts';
import type { Segment } from './segment.ts';
import { distance, isAfter, isBefore } from './sequence.ts';
import { CLOSING, ESTABLISHED, FIN_WAIT_1, FIN_WAIT_2, LAST_ACK, SYN_RECEIVED } from './state.ts';
import { EVENT_WRITABLE, type Tcb } from './tcb.ts';
import { RST } from '../wire/tcp.ts';

/** RFC 5681 3.2 */
const DUPLICATE_ACK_THRESHOLD = 3;

/** @returns false when the rest of the segment is not to be looked at */
export function acknowledgmentArrives(context: TcpContext, tcb: Tcb, segment: Segment): boolean {
  if (tcb.state === SYN_RECEIVED && !finishHandshake(context, tcb, segment)) return false;
  const acknowledged = distance(tcb.sndUna, segment.acknowledgment);
  if (acknowledged > tcb.inFlight) {
    context.counters.tcpAckOfUnsent++;
    challenge(context, tcb);
    return false;
  }
  if (acknowledged < 0) {
    // An old one says nothing new; one from too far back is a guess (RFC 5961 5.2).
    if (acknowledged >= -tcb.maxSndWnd) return true;
    context.counters.tcpAckTooOld++;
    challenge(context, tcb);
    return false;
  }
  const oldEdge = (tcb.sndUna + tcb.sndWnd) | 0;
  const windowChanged = updateWindow(tcb, segment);
  if (acknowledged > 0) {
    advance(context, tcb, acknowledged);
    if (tcb.finSent && tcb.inFlight === 0 && !finAcknowledged(context, tcb)) return false;
  } else if (
    !windowChanged &&
    tcb.inFlight > 0 &&
    segment.payloadLength === 0 &&
    (segment.flags & FIN) === 0
  ) {
    duplicateAck(context, tcb);
  }
  if (tcb.sndWnd === 0) {
    // The peer lives and is merely not ready: that is no reason to give up (RFC 9293 3.8.6.1).
    tcb.progressAt = context.clock.nowMs;
  } else if (windowChanged) {
    windowMoved(context, tcb, oldEdge);
  }
  if (tcb.sendQueue.bytes > tcb.sendQueue.sentBytes) context.wantOutput(tcb);
  return true;
}

function finishHandshake(context: TcpContext, tcb: Tcb, segment: Segment): boolean {
  if (segment.acknowledgment !== tcb.sndNxt) {
    context.counters.tcpAckOfUnsent++;
    sendBareSegment(context, tcb.flow, segment.acknowledgment, 0, RST, 0);
    return false;
  }
  tcb.setState(ESTABLISHED);
  context.counters.tcpEstablished++;
  tcb.sndUna = tcb.sndNxt;
  tcb.rtt.acknowledged(tcb.sndUna, context.clock.nowMs);
  tcb.retransmitAt = Infinity;
  tcb.synAckWanted = false;
  tcb.progressAt = context.clock.nowMs;
  tcb.sndWnd = segment.window << tcb.sndScale;
  tcb.maxSndWnd = tcb.sndWnd;
  tcb.sndWl1 = segment.sequence;
  tcb.sndWl2 = segment.acknowledgment;
  if (tcb.sendQueue.bytes > 0 || tcb.finWanted) context.wantOutput(tcb);
  return true;
}

/** @returns whether the window is another than before */
function updateWindow(tcb: Tcb, segment: Segment): boolean {
  // SND.WL1 and WL2 keep an old segment from bringing an old window back.
  const newer =
    isBefore(tcb.sndWl1, segment.sequence) ||
    (tcb.sndWl1 === segment.sequence && !isAfter(tcb.sndWl2, segment.acknowledgment));
  if (!newer) return false;
  tcb.sndWl1 = segment.sequence;
  tcb.sndWl2 = segment.acknowledgment;
  const window = segment.window << tcb.sndScale;
  if (window === tcb.sndWnd) return false;
  tcb.sndWnd = window;
  if (window > tcb.maxSndWnd) tcb.maxSndWnd = window;
  return true;
}

function advance(context: TcpContext, tcb: Tcb, acknowledged: number): void {
  const { nowMs } = context.clock;
  tcb.sndUna = (tcb.sndUna + acknowledged) | 0;
  const finToo = tcb.finSent && tcb.inFlight === 0;
  tcb.sendQueue.acknowledge(finToo ? acknowledged - 1 : acknowledged);
  tcb.rtt.acknowledged(tcb.sndUna, nowMs);
  tcb.progressAt = nowMs;
  tcb.duplicateAcks = 0;
  if (tcb.recovering) {
    // A partial ACK points at the next hole.
    if (isBefore(tcb.sndUna, tcb.recoverUntil)) {
      tcb.retransmitWanted = true;
      context.wantOutput(tcb);
    } else {
      tcb.recovering = false;
      tcb.retransmitWanted = false;
    }
  }
  // RFC 6298 5.2 and 5.3
  tcb.retransmitAt = tcb.inFlight > 0 ? nowMs + tcb.rtt.rtoMs : Infinity;
  context.armTimers(tcb);
  if (tcb.roomExhausted && roomIsBack(context, tcb)) {
    tcb.roomExhausted = false;
    context.wantEvent(tcb, EVENT_WRITABLE);
  }
}

function roomIsBack(context: TcpContext, tcb: Tcb): boolean {
  const { limits } = context;
  return (
    tcb.sendQueue.bytes <= limits.sendBufferBytes / 2 && tcb.sendQueue.chunks <= limits.maxSendChunks / 2
  );
}

/** @returns false when the connection is gone by it */
function finAcknowledged(context: TcpContext, tcb: Tcb): boolean {
  if (tcb.state === FIN_WAIT_1) {
    tcb.setState(FIN_WAIT_2);
  } else if (tcb.state === CLOSING) {
    moveToTimeWait(context, tcb);
    return false;
  } else if (tcb.state === LAST_ACK) {
    closeTcb(context, tcb, 'finished');
    return false;
  }
  return true;
}

function duplicateAck(context: TcpContext, tcb: Tcb): void {
  tcb.duplicateAcks++;
  if (tcb.duplicateAcks !== DUPLICATE_ACK_THRESHOLD || tcb.recovering) return;
  tcb.recovering = true;
  tcb.recoverUntil = tcb.sndNxt;
  tcb.retransmitWanted = true;
  context.counters.tcpFastRetransmits++;
  context.wantOutput(tcb);
}

/** What lay beyond the window has been dropped by the peer: now that there is room, it goes again at once. */
function windowMoved(context: TcpContext, tcb: Tcb, oldEdge: number): void {
  const newEdge = (tcb.sndUna + tcb.sndWnd) | 0;
  if (tcb.inFlight === 0 || !isAfter(tcb.sndNxt, oldEdge) || !isAfter(newEdge, oldEdge)) return;
  if (tcb.finSent && tcb.inFlight === 1) return;
  tcb.recovering = true;
  tcb.recoverUntil = tcb.sndNxt;
  tcb.retransmitWanted = true;
  context.wantOutput(tcb);
}
