/**
 * A segment for a connection: RFC 9293 3.10.7.4, in its order.
 *
 * 1 sequence number, 2 RST, 3 (security, obsolete), 4 SYN, 5 ACK (acknowledgment.ts),
 * 6 URG (receive/urgent.ts), 7 text and 8 FIN (text.ts). RST and SYN are believed as far as
 * RFC 5961 lets them.
 */
import { ACK, FIN, RST, SYN, URG } from '../../wire/tcp.ts';
import { closeTcb } from '../close/lifecycle.ts';
import { isAfter, isBefore } from '../numbers/sequence.ts';
import { ackNow } from '../receive/delayed-ack.ts';
import { urgentArrives } from '../receive/urgent.ts';
import type { Segment } from '../segment/segment.ts';
import type { TcpContext } from '../state/context.ts';
import { SYN_RECEIVED, SYN_SENT } from '../state/state.ts';
import type { Tcb } from '../state/tcb.ts';
import { acknowledgmentArrives } from './acknowledgment.ts';
import { challenge } from './challenge.ts';
import { segmentInSynSent } from './syn-sent.ts';
import { repetitionArrives, textArrives } from './text.ts';
import { isOldDuplicate, noteTimestamp } from './timestamps.ts';

export function segmentArrives(context: TcpContext, tcb: Tcb, segment: Segment): void {
  tcb.heardAtMs = context.clock.nowMs;
  tcb.keepAliveProbes = 0;
  if (tcb.state === SYN_SENT) {
    segmentInSynSent(context, tcb, segment);
    return;
  }
  if (isCrossingSynAck(tcb, segment)) {
    // Simultaneous open: past its SYN, which has come before, it is the ACK that is waited for.
    segment.sequence = (segment.sequence + 1) | 0;
    segment.flags &= ~SYN;
    segment.payloadLength = 0;
    // RFC 7323 2.2: the window of a SYN is as it stands, and all that is below takes it for scaled.
    segment.window >>>= tcb.sndScale;
    ackNow(context, tcb);
  }
  if (tcb.timestamps && (segment.flags & RST) === 0 && isOldDuplicate(context, tcb, segment)) {
    context.counters.tcpTimestampOld++;
    // RFC 7323 5.3 R1: an ACK, limited, since it may be answered by another old segment.
    challenge(context, tcb);
  } else if (!isAcceptable(tcb, segment)) {
    notAcceptable(context, tcb, segment);
  } else if ((segment.flags & RST) !== 0) {
    resetArrives(context, tcb, segment);
  } else if ((segment.flags & SYN) !== 0) {
    synArrives(context, tcb, segment);
  } else if ((segment.flags & ACK) === 0) {
    context.counters.tcpNoAckFlag++;
  } else {
    if (tcb.timestamps) noteTimestamp(context, tcb, segment);
    if (!acknowledgmentArrives(context, tcb, segment)) return;
    if ((segment.flags & URG) !== 0) urgentArrives(context, tcb, segment);
    textArrives(context, tcb, segment);
  }
}

/**
 * The first check, as wide as it may be: any overlap with the window, its two
 * edges included. The RFC's table refuses an ACK at the right edge, and all
 * but one with a closed window; it also wants such ACKs and RSTs processed
 * (MUST-66), so here the text is trimmed instead.
 */
function isAcceptable(tcb: Tcb, segment: Segment): boolean {
  const fin = (segment.flags & FIN) !== 0 ? 1 : 0;
  const end = (segment.sequence + segment.payloadLength + fin) | 0;
  return !isBefore(end, tcb.rcvNxt) && !isAfter(segment.sequence, (tcb.rcvNxt + tcb.receiveWindow) | 0);
}

function notAcceptable(context: TcpContext, tcb: Tcb, segment: Segment): void {
  context.counters.tcpNotAcceptable++;
  if ((segment.flags & RST) !== 0) return;
  if (isRepeatedSyn(tcb, segment)) {
    repeatSynAck(context, tcb);
    return;
  }
  if (segment.payloadLength > 0 || (segment.flags & FIN) !== 0) {
    // A repetition: its sender has missed our ACK, and stops when it has one.
    repetitionArrives(context, tcb, segment);
  } else {
    challenge(context, tcb);
  }
}

/** RFC 5961 3.2: the exact number is believed, another within the window is asked about. */
function resetArrives(context: TcpContext, tcb: Tcb, segment: Segment): void {
  if (segment.sequence === tcb.rcvNxt) {
    context.counters.tcpResetsIn++;
    closeTcb(context, tcb, tcb.active && tcb.state === SYN_RECEIVED ? 'refused' : 'reset');
  } else {
    context.counters.tcpResetsImplausible++;
    challenge(context, tcb);
  }
}

/** RFC 5961 4.2; while the handshake lasts, the peer may have missed our half of it. */
function synArrives(context: TcpContext, tcb: Tcb, segment: Segment): void {
  if (isRepeatedSyn(tcb, segment)) {
    repeatSynAck(context, tcb);
  } else {
    context.counters.tcpSynsImplausible++;
    challenge(context, tcb);
  }
}

/** RFC 9293 3.5, figure 7: both sides have sent a SYN, and answer that of the other. */
function isCrossingSynAck(tcb: Tcb, segment: Segment): boolean {
  return (
    tcb.active &&
    tcb.state === SYN_RECEIVED &&
    (segment.flags & (SYN | ACK | RST)) === (SYN | ACK) &&
    segment.sequence === tcb.irs
  );
}

function isRepeatedSyn(tcb: Tcb, segment: Segment): boolean {
  return tcb.state === SYN_RECEIVED && (segment.flags & (SYN | ACK)) === SYN && segment.sequence === tcb.irs;
}

function repeatSynAck(context: TcpContext, tcb: Tcb): void {
  tcb.repeatSyn();
  context.wantOutput(tcb);
}
