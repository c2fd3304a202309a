/**
 * What a connection does when a time has come: repeat (RFC 6298 5.4 to 5.6),
 * probe the tail or call it lost (RFC 8985), probe a closed window (RFC 9293 3.8.6.1), send an ACK that found nothing to
 * ride on, or give up (3.8.3).
 */
import type { StackLimits } from '../../limits.ts';
import { abortTcb } from '../close/lifecycle.ts';
import { detectLoss, timeoutSeen } from '../loss/recovery.ts';
import { tailProbeDue } from '../loss/tail-probe.ts';
import { delayedAckDue } from '../receive/delayed-ack.ts';
import type { TcpContext } from '../state/context.ts';
import { SYN_RECEIVED, SYN_SENT } from '../state/state.ts';
import type { Tcb } from '../state/tcb.ts';
import { keepAliveDue } from './keep-alive.ts';

export function fireTimers(context: TcpContext, nowMs: number): void {
  for (;;) {
    const tcb = context.timers.popDue(nowMs);
    if (tcb === null) return;
    if (tcb.delayedAckAt <= nowMs) delayedAckDue(context, tcb);
    if (tcb.persistAt <= nowMs) persistDue(context, tcb);
    if (tcb.reorderAt <= nowMs) detectLoss(context, tcb, tcb.inFlight);
    if (tcb.tailProbeAt <= nowMs) tailProbeDue(context, tcb, nowMs);
    if (tcb.retransmitAt <= nowMs) retransmitDue(context, tcb, nowMs);
    if (tcb.keepAliveAt <= nowMs) keepAliveDue(context, tcb, nowMs);
    context.armTimers(tcb);
  }
}

/** RFC 9293 3.8.3: the R2 of the application, or of the stack. */
function giveUpAfterMs(tcb: Tcb, limits: StackLimits): number {
  if (tcb.giveUpAfterMs > 0) return tcb.giveUpAfterMs;
  if (tcb.state === SYN_SENT) return limits.connectGiveUpMs;
  return tcb.state === SYN_RECEIVED ? limits.handshakeGiveUpMs : limits.retransmitGiveUpMs;
}

/** The probe is new data: from here on the retransmission timer repeats it, ever more slowly. */
function persistDue(context: TcpContext, tcb: Tcb): void {
  tcb.persistAt = Infinity;
  tcb.probeWanted = true;
  context.counters.tcpWindowProbes++;
  context.wantOutput(tcb);
}

function retransmitDue(context: TcpContext, tcb: Tcb, nowMs: number): void {
  const { limits } = context;
  const handshake = tcb.state === SYN_RECEIVED || tcb.state === SYN_SENT;
  const giveUpMs = giveUpAfterMs(tcb, limits);
  if (nowMs - tcb.progressAt >= giveUpMs) {
    context.counters.tcpTimeouts++;
    abortTcb(context, tcb, 'timeout');
    return;
  }
  tcb.timeoutsInARow++;
  // What an ICMP error has said explains more.
  if (tcb.timeoutsInARow >= limits.retransmissionsBeforeWarning && tcb.currentSoftError === null) {
    tcb.softError = 'unanswered';
    tcb.softErrorAt = nowMs;
  }
  if (handshake) {
    context.counters.tcpRetransmitTimeouts++;
    tcb.rtt.backOff();
    tcb.repeatSyn();
  } else {
    timeoutSeen(context, tcb);
  }
  // Set here as well, for the case that the device is full and nothing goes out now.
  tcb.retransmitAt = nowMs + tcb.rtt.rtoMs;
  context.wantOutput(tcb);
}
