/**
 * Keep-alive (RFC 9293 3.8.4): whether a peer that is silent is still there.
 *
 * Off unless the application asks for it (MUST-25). The timer is not moved by
 * packets: when it runs out, it looks at when the peer was last heard of.
 */
import { abortTcb } from '../close/lifecycle.ts';
import type { TcpContext } from '../state/context.ts';
import type { Tcb } from '../state/tcb.ts';

export function setKeepAlive(context: TcpContext, tcb: Tcb, on: boolean): void {
  if (tcb.closeReason !== null) return;
  tcb.keepAliveProbes = 0;
  tcb.keepAliveAt = on ? context.clock.nowMs + idleMs(context, tcb) : Infinity;
  context.armTimers(tcb);
}

/** The silence before the first probe: as the application has it, or the stack. */
function idleMs(context: TcpContext, tcb: Tcb): number {
  return tcb.keepAliveIdleMs > 0 ? tcb.keepAliveIdleMs : context.limits.keepAliveIdleMs;
}

export function keepAliveDue(context: TcpContext, tcb: Tcb, nowMs: number): void {
  const { limits } = context;
  const idleUntil = tcb.heardAtMs + idleMs(context, tcb);
  if (tcb.keepAliveProbes === 0 && idleUntil > nowMs) {
    tcb.keepAliveAt = idleUntil;
    return;
  }
  // What is in flight is repeated by its own timer, which finds out by itself.
  if (tcb.inFlight > 0) {
    tcb.keepAliveAt = nowMs + limits.keepAliveIntervalMs;
    return;
  }
  // One probe without an answer proves nothing: ACKs without data may be lost (MUST-29).
  if (tcb.keepAliveProbes >= limits.keepAliveProbes) {
    context.counters.tcpTimeouts++;
    abortTcb(context, tcb, 'timeout');
    return;
  }
  tcb.keepAliveProbes++;
  tcb.keepAliveAt = nowMs + limits.keepAliveIntervalMs;
  tcb.keepAliveWanted = true;
  context.counters.tcpKeepAlives++;
  context.wantOutput(tcb);
}
