/**
 * The fifth check of RFC 9293 3.10.7.4, the ACK field: the end of the handshake,
 * the peer's window, and what has been acknowledged. What that says of loss is
 * loss/recovery.ts's.
 */
import { FIN, RST } from '../../wire/tcp.ts';
import { closeTcb, moveToTimeWait } from '../close/lifecycle.ts';
import { afterAcknowledgment, beginDelivery, checkTailProbe, sackArrives } from '../loss/recovery.ts';
import { scheduleTailProbe } from '../loss/tail-probe.ts';
import { distance, isAfter, isBefore } from '../numbers/sequence.ts';
import { timestampNow } from '../numbers/timestamp.ts';
import { sendBareSegment } from '../output/bare-segment.ts';
import { ackNow } from '../receive/delayed-ack.ts';
import type { Segment } from '../segment/segment.ts';
import type { TcpContext } from '../state/context.ts';
import { isRoomBack } from '../state/send-room.ts';
import { CLOSING, ESTABLISHED, FIN_WAIT_1, FIN_WAIT_2, LAST_ACK, SYN_RECEIVED } from '../state/state.ts';
import { EVENT_ACKNOWLEDGED, EVENT_ESTABLISHED, EVENT_WRITABLE, type Tcb } from '../state/tcb.ts';
import { challenge } from './challenge.ts';

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
  const flightBytes = tcb.inFlight;
  const windowChanged = updateWindow(tcb, segment);
  const bare = segment.payloadLength === 0 && (segment.flags & FIN) === 0;
  // The answers to probes of a closed window are no duplicates.
  const duplicate = acknowledged === 0 && !windowChanged && flightBytes > 0 && bare && tcb.sndWnd > 0;
  beginDelivery(context, tcb, segment);
  if (acknowledged > 0) advance(context, tcb, acknowledged);
  const hasSack = tcb.sackPermitted && segment.options.sackBlocks > 0;
  const duplicateReport = hasSack && sackArrives(context, tcb, segment);
  checkTailProbe(tcb, segment, duplicateReport, duplicate);
  if (acknowledged > 0 || hasSack || duplicate) {
    afterAcknowledgment(context, tcb, segment, acknowledged, flightBytes, duplicate);
  }
  if (acknowledged > 0) {
    scheduleTailProbe(context, tcb);
    if (tcb.finSent && tcb.inFlight === 0 && !finAcknowledged(context, tcb, bare)) return false;
  }
  if (tcb.sndWnd === 0) {
    // The peer lives and is merely not ready: that is no reason to give up (RFC 9293 3.8.6.1).
    tcb.progressed(context.clock.nowMs);
  } else if (windowChanged) {
    windowMoved(context, tcb, oldEdge);
  }
  if (tcb.sendQueue.bytes > tcb.sendQueue.sentBytes) context.wantOutput(tcb);
  return true;
}

/** The ACK that SYN-RECEIVED waits for. */
function finishHandshake(context: TcpContext, tcb: Tcb, segment: Segment): boolean {
  if (segment.acknowledgment !== tcb.sndNxt) {
    context.counters.tcpAckOfUnsent++;
    sendBareSegment(context, tcb.flow, segment.acknowledgment, 0, RST, 0);
    return false;
  }
  establish(context, tcb, segment);
  tcb.sndWnd = segment.window << tcb.sndScale;
  tcb.maxSndWnd = tcb.sndWnd;
  tcb.sndWl1 = segment.sequence;
  tcb.sndWl2 = segment.acknowledgment;
  return true;
}

/** Our SYN is acknowledged. */
export function establish(context: TcpContext, tcb: Tcb, segment: Segment): void {
  tcb.setState(ESTABLISHED);
  context.counters.tcpEstablished++;
  if (tcb.active) context.wantEvent(tcb, EVENT_ESTABLISHED);
  tcb.sndUna = tcb.sndNxt;
  measureHandshake(context, tcb, segment);
  tcb.rtt.heard();
  tcb.retransmitAt = Infinity;
  tcb.synWanted = false;
  tcb.progressed(context.clock.nowMs);
  if (tcb.sendQueue.bytes > 0 || tcb.finWanted) context.wantOutput(tcb);
}

/** The first round trip. Of several SYNs an echo tells which was answered, and so whether the first was lost. */
function measureHandshake(context: TcpContext, tcb: Tcb, segment: Segment): void {
  const { nowMs } = context.clock;
  const { hasTimestamps, timestampEcho } = segment.options;
  const hasEcho = tcb.timestamps && hasTimestamps;
  const ofFirst = hasEcho && timestampEcho === timestampNow(tcb.synSentAtMs, tcb.timestampOffset);
  const sinceFirstMs = nowMs - tcb.synSentAtMs;
  if (!tcb.synRepeated || ofFirst) {
    tcb.rtt.measure(sinceFirstMs, tcb.sndUna, tcb.sndNxt);
    tcb.rtt.bound(sinceFirstMs, nowMs);
    return;
  }
  tcb.congestion.afterLostSyn();
  const echoedMs = hasEcho ? distance(timestampEcho, timestampNow(nowMs, tcb.timestampOffset)) : -1;
  if (echoedMs >= 0 && echoedMs < sinceFirstMs) tcb.rtt.measure(echoedMs, tcb.sndUna, tcb.sndNxt);
  else tcb.rtt.unmeasuredHandshake();
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
  const bytes = finToo ? acknowledged - 1 : acknowledged;
  tcb.sendQueue.acknowledge(bytes);
  context.sendQueuedBytes -= bytes;
  tcb.scoreboard.acknowledge(tcb.sndUna, context.delivery);
  tcb.rtt.heard();
  tcb.progressed(nowMs);
  // RFC 6298 5.2 and 5.3
  tcb.retransmitAt = tcb.inFlight > 0 ? nowMs + tcb.rtt.rtoMs : Infinity;
  context.armTimers(tcb);
  if (tcb.events !== null && tcb.events.onAcknowledged !== null) context.wantEvent(tcb, EVENT_ACKNOWLEDGED);
  if (tcb.roomExhausted && isRoomBack(context, tcb)) {
    tcb.roomExhausted = false;
    context.wantEvent(tcb, EVENT_WRITABLE);
  }
}

/**
 * @param bare the segment carries neither text nor FIN
 * @returns false when the connection is gone by it
 */
function finAcknowledged(context: TcpContext, tcb: Tcb, bare: boolean): boolean {
  if (tcb.state === FIN_WAIT_1) {
    tcb.setState(FIN_WAIT_2);
  } else if (tcb.state === CLOSING) {
    // The peer's FIN again: our ACK of it was lost.
    if (!bare) ackNow(context, tcb);
    moveToTimeWait(context, tcb);
    return false;
  } else if (tcb.state === LAST_ACK) {
    closeTcb(context, tcb, 'finished');
    return false;
  }
  return true;
}

/** What lay beyond the window has been dropped by the peer: now that there is room, it goes again at once. */
function windowMoved(context: TcpContext, tcb: Tcb, oldEdge: number): void {
  const newEdge = (tcb.sndUna + tcb.sndWnd) | 0;
  if (tcb.inFlight === 0 || !isAfter(tcb.sndNxt, oldEdge) || !isAfter(newEdge, oldEdge)) return;
  if (tcb.finSent && tcb.inFlight === 1) return;
  // Dropped for want of room, not by the path: the congestion window stays.
  tcb.scoreboard.loseBeyond(oldEdge);
  context.wantOutput(tcb);
}
