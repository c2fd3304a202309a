/**
 * Challenge ACKs (RFC 5961): the answer to a segment that would be harmful if it
 * were believed. A peer that meant it answers with numbers that fit.
 *
 * Limited for each connection rather than for the whole stack: a shared limit
 * lets one connection find out about another (CVE-2016-5696). The same limit
 * ends the exchange of two peers that disagree and acknowledge each other forever.
 */
import type { TcpContext } from '../state/context.ts';
import type { Tcb } from '../state/tcb.ts';

const WINDOW_MS = 1000;

export function challenge(context: TcpContext, tcb: Tcb): void {
  const { nowMs } = context.clock;
  if (nowMs - tcb.challengeWindowAt >= WINDOW_MS) {
    tcb.challengeWindowAt = nowMs;
    tcb.challengeAcks = 0;
  }
  if (tcb.challengeAcks >= context.limits.challengeAcksPerSecond) {
    context.counters.tcpChallengeAcksLimited++;
    return;
  }
  tcb.challengeAcks++;
  context.counters.tcpChallengeAcks++;
  tcb.ackWanted = true;
  context.wantOutput(tcb);
}
