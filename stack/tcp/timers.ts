/**
 * What a connection does when a time has come: repeat (RFC 6298 5.4 to 5.6),
 * probe a closed window (RFC 9293 3.8.6.1), send an ACK that found nothing to
 * ride on, or give up (3.8.3).
 */
import type { TcpContext } from './context.ts';
import { delayedAckDue } from './delayed-ack.ts';
import { abortTcb } from './lifecycle.ts';
import { SYN_RECEIVED } from './state.ts';
import type { Tcb } from './tcb.ts';

export function fireTimers(context: TcpContext, nowMs: number): void {
  for (;;) {
    const tcb = context.timers.popDue(nowMs);
    if (tcb === null) return;
    if (tcb.delayedAckAt <= nowMs) delayedAckDue(context, tcb);
    if (tcb.persistAt <= nowMs) persistDue(context, tcb);
    if (tcb.retransmitAt <= nowMs) retransmitDue(context, tcb, nowMs);
    context.armTimers(tcb);
  }
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
  const handshake = tcb.state === SYN_RECEIVED;
  const giveUpMs = handshake ? limits.handshakeGiveUpMs : limits.retransmitGiveUpMs;
  if (nowMs - tcb.progressAt >= giveUpMs) {
    context.counters.tcpTimeouts++;
    abortTcb(context, tcb, 'timeout');
    return;
  }
  context.counters.tcpRetransmitTimeouts++;
  tcb.rtt.backOff();
  tcb.rtt.retransmitted();
  if (handshake) {
    tcb.synAckWanted = true;
  } else {
    tcb.retransmitWanted = true;
    tcb.recovering = true;
    tcb.recoverUntil = tcb.sndNxt;
    tcb.duplicateAcks = 0;
  }
  // Set here as well, for the case that the device is full and nothing goes out now.
  tcb.retransmitAt = nowMs + tcb.rtt.rtoMs;
  context.wantOutput(tcb);
}
