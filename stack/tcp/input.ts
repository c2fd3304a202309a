/**
 * A segment for a connection: RFC 9293 3.10.7.4, in its order.
 *
 * 1 sequence number, 2 RST, 3 (security, obsolete), 4 SYN, 5 ACK (acknowledgment.ts),
 * 6 URG (ignored: no application here asks for it, and the bytes stay in the
 * stream), 7 text and 8 FIN (text.ts). RST and SYN are believed as far as
 * RFC 5961 lets them.
 */
import { ACK, FIN, RST, SYN } from '../wire/tcp.ts';
import { acknowledgmentArrives } from './acknowledgment.ts';
import { challenge } from './challenge.ts';
import type { TcpContext } from './context.ts';
import { closeTcb } from './lifecycle.ts';
import type { Segment } from './segment.ts';
import { isAfter, isBefore } from './sequence.ts';
import { SYN_RECEIVED } from './state.ts';
import type { Tcb } from './tcb.ts';
import { textArrives } from './text.ts';

export function segmentArrives(context: TcpContext, tcb: Tcb, segment: Segment): void {
  if (!isAcceptable(tcb, segment)) {
    notAcceptable(context, tcb, segment);
  } else if ((segment.flags & RST) !== 0) {
    resetArrives(context, tcb, segment);
  } else if ((segment.flags & SYN) !== 0) {
    synArrives(context, tcb, segment);
  } else if ((segment.flags & ACK) === 0) {
    context.counters.tcpNoAckFlag++;
  } else if (acknowledgmentArrives(context, tcb, segment)) {
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
    tcb.ackWanted = true;
    context.wantOutput(tcb);
  } else {
    challenge(context, tcb);
  }
}

/** RFC 5961 3.2: the exact number is believed, another within the window is asked about. */
function resetArrives(context: TcpContext, tcb: Tcb, segment: Segment): void {
  if (segment.sequence === tcb.rcvNxt) {
    context.counters.tcpResetsIn++;
    closeTcb(context, tcb, 'reset');
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

function isRepeatedSyn(tcb: Tcb, segment: Segment): boolean {
  return tcb.state === SYN_RECEIVED && (segment.flags & (SYN | ACK)) === SYN && segment.sequence === tcb.irs;
}

function repeatSynAck(context: TcpContext, tcb: Tcb): void {
  tcb.synAckWanted = true;
  tcb.rtt.retransmitted();
  context.wantOutput(tcb);
}
