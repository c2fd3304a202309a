/**
 * A segment in SYN-SENT: RFC 9293 3.10.7.3, in its order.
 *
 * The answer is a SYN-ACK; or a SYN alone, where the peer opens at the same
 * time; or a RST that acknowledges our SYN. Data that comes with it is left to
 * be repeated.
 */
import { ACK, RST, SYN } from '../../wire/tcp.ts';
import { closeTcb } from '../close/lifecycle.ts';
import { sendBareSegment } from '../output/bare-segment.ts';
import { ackNow } from '../receive/delayed-ack.ts';
import type { Segment } from '../segment/segment.ts';
import type { TcpContext } from '../state/context.ts';
import { SYN_RECEIVED } from '../state/state.ts';
import type { Tcb } from '../state/tcb.ts';
import { establish } from './acknowledgment.ts';

export function segmentInSynSent(context: TcpContext, tcb: Tcb, segment: Segment): void {
  const { flags } = segment;
  const acknowledges = (flags & ACK) !== 0;
  if (acknowledges && segment.acknowledgment !== tcb.sndNxt) {
    context.counters.tcpSynAnswersBad++;
    if ((flags & RST) === 0) sendBareSegment(context, tcb.flow, segment.acknowledgment, 0, RST, 0);
  } else if ((flags & RST) !== 0) {
    // One that acknowledges nothing is a guess (RFC 5961 3).
    if (!acknowledges) {
      context.counters.tcpResetsImplausible++;
      return;
    }
    context.counters.tcpConnectsRefused++;
    closeTcb(context, tcb, 'refused');
  } else if ((flags & SYN) === 0) {
    context.counters.tcpSynAnswersBad++;
  } else {
    synArrives(context, tcb, segment, acknowledges);
  }
}

function synArrives(context: TcpContext, tcb: Tcb, segment: Segment, acknowledges: boolean): void {
  tcb.synchronize(segment.sequence, segment.synOptions, segment.window, context.clock.nowMs);
  if (acknowledges) {
    tcb.sndWl2 = segment.acknowledgment;
    establish(context, tcb, segment);
    ackNow(context, tcb);
  } else {
    tcb.setState(SYN_RECEIVED);
    tcb.synWanted = true;
    context.wantOutput(tcb);
  }
}
