/**
 * Tail loss probe (RFC 8985 7): when ACKs stop coming, one segment more makes
 * the peer say what it has, long before the retransmission timer.
 *
 * It goes two round trips after the last transmission, plus the longest that an
 * ACK is delayed where a single segment is out. Not in recovery, and one at a
 * time. It is new data if there is any, else the last segment again.
 */
import { isAfter, isBefore } from '../numbers/sequence.ts';
import type { Segment } from '../segment/segment.ts';
import type { TcpContext } from '../state/context.ts';
import { LOSS_NONE, type Tcb } from '../state/tcb.ts';

/** 7.2, TLP.max_ack_delay: what Linux delays an ACK at the most. */
const MAX_ACK_DELAY_MS = 200;

/** 7.2, without a measurement. */
const UNMEASURED_PROBE_MS = 1000;

/** After new data was sent or something was acknowledged (7.2). */
export function scheduleTailProbe(context: TcpContext, tcb: Tcb): void {
  if (
    !tcb.sackPermitted ||
    tcb.probing ||
    tcb.lossState !== LOSS_NONE ||
    tcb.inFlight === 0 ||
    tcb.sndWnd === 0 ||
    tcb.scoreboard.sackedRecords > 0
  ) {
    tcb.tailProbeAt = Infinity;
    return;
  }
  const { srttMs } = tcb.rtt;
  let waitMs = srttMs < 0 ? UNMEASURED_PROBE_MS : Math.max(context.limits.minTailProbeMs, 2 * srttMs);
  if (tcb.inFlight <= tcb.mss) waitMs += MAX_ACK_DELAY_MS;
  tcb.tailProbeAt = Math.min(context.clock.nowMs + waitMs, tcb.retransmitAt);
  context.armTimers(tcb);
}

export function tailProbeDue(context: TcpContext, tcb: Tcb, nowMs: number): void {
  tcb.tailProbeAt = Infinity;
  tcb.tailProbeWanted = true;
  // 7.3: the retransmission timer starts anew, so that the probe has a round trip of its own.
  tcb.retransmitAt = nowMs + tcb.rtt.rtoMs;
  context.counters.tcpTailProbes++;
  context.wantOutput(tcb);
}

/** The probe has gone out. */
export function tailProbeSent(tcb: Tcb, repeats: boolean): void {
  tcb.tailProbeWanted = false;
  tcb.probing = true;
  tcb.probeEnd = tcb.sndNxt;
  tcb.probeRepeats = repeats;
}

/**
 * 7.4.2, TLP_process_ack.
 *
 * @param duplicate it acknowledges nothing new and carries nothing
 * @returns whether the probe has repaired a loss
 */
export function tailProbeAcknowledged(
  tcb: Tcb,
  segment: Segment,
  duplicateReport: boolean,
  duplicate: boolean,
): boolean {
  if (isBefore(segment.acknowledgment, tcb.probeEnd)) return false;
  const beyond = isAfter(segment.acknowledgment, tcb.probeEnd);
  const bothArrived = duplicateReport || (duplicate && segment.options.sackBlocks === 0);
  // An ACK up to the probe's end may still be of the first copy.
  if (tcb.probeRepeats && !beyond && !bothArrived) return false;
  tcb.probing = false;
  return tcb.probeRepeats && !bothArrived;
}
