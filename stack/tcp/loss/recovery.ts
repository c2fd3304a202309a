/**
 * Loss: how it is noticed, and when it is repaired. output/ sends again what
 * the scoreboard has as lost, as far as the congestion window lets it.
 *
 * With SACK, RACK decides (RFC 8985): from what has arrived, by time. The tail
 * probe (tail-probe.ts) makes sure that something arrives after the last
 * segment too, so that the retransmission timer is left for the case that
 * nothing gets through any more. Without SACK, three duplicate ACKs and each
 * partial ACK point at one transmission (RFC 5681 3.2, RFC 6582).
 *
 *     NONE ──loss seen──▶ RECOVERY ──▶ NONE   when all that was in flight is acknowledged,
 *       └────timeout────▶ TIMEOUT ───▶ NONE   or nothing turns out to have been lost
 *
 * A repair was for nothing if the peer's echo shows that the first copy arrived
 * (RFC 3522), or when all that was repeated is reported as a duplicate
 * (RFC 3708). The window is then what it was before (RFC 4015).
 */
import { DUPLICATE_THRESHOLD } from '../flight/rack.ts';
import { distance, isAfter, isBefore } from '../numbers/sequence.ts';
import { timestampNow } from '../numbers/timestamp.ts';
import type { Segment } from '../segment/segment.ts';
import type { TcpContext } from '../state/context.ts';
import { LOSS_NONE, LOSS_RECOVERY, LOSS_TIMEOUT, type Tcb } from '../state/tcb.ts';
import { tailProbeAcknowledged } from './tail-probe.ts';

/** Before an ACK is looked at. */
export function beginDelivery(context: TcpContext, tcb: Tcb, segment: Segment): void {
  const { nowMs } = context.clock;
  const { hasTimestamps, timestampEcho } = segment.options;
  // The echo names a whole millisecond, and all within it is as old as its end at the most.
  const echoSentByMs =
    tcb.timestamps && hasTimestamps
      ? nowMs - distance(timestampEcho, timestampNow(nowMs, tcb.timestampOffset)) + 1
      : Infinity;
  context.delivery.begin(nowMs, tcb.rtt.minRttMs, echoSentByMs);
}

/** The SACK blocks of an ACK. @returns whether one of them was a report of a duplicate */
export function sackArrives(context: TcpContext, tcb: Tcb, segment: Segment): boolean {
  const { sackEdges, sackBlocks } = segment.options;
  let duplicate = false;
  for (let i = 0; i < sackBlocks; i++) {
    const start = sackEdges[2 * i];
    const end = sackEdges[2 * i + 1];
    if (!isBefore(start, end)) {
      context.counters.tcpSackBad++;
    } else if (i === 0 && isDuplicateReport(segment, start, end)) {
      duplicate = true;
      context.delivery.ofDuplicate = true;
      duplicateReported(context, tcb, start, end);
    } else if (!isAfter(end, tcb.sndNxt) && isAfter(end, tcb.sndUna)) {
      const from = isBefore(start, tcb.sndUna) ? tcb.sndUna : start;
      tcb.scoreboard.sack(from, end, context.delivery);
    } else if (isAfter(end, tcb.sndNxt)) {
      context.counters.tcpSackBad++;
    }
  }
  return duplicate;
}

/** RFC 2883 4: the first block is below the ACK, or within the second. */
function isDuplicateReport(segment: Segment, start: number, end: number): boolean {
  const { acknowledgment, options } = segment;
  if (!isAfter(end, acknowledgment)) return true;
  if (options.sackBlocks < 2) return false;
  return !isBefore(start, options.sackEdges[2]) && !isAfter(end, options.sackEdges[3]);
}

function duplicateReported(context: TcpContext, tcb: Tcb, start: number, end: number): void {
  const length = distance(start, end);
  // Nothing that old was ever sent twice: a fault or a trick (RFC 3708 2).
  if (length > tcb.maxSndWnd || distance(start, tcb.sndUna) > 2 * tcb.maxSndWnd) {
    context.counters.tcpSackBad++;
    return;
  }
  context.counters.tcpDuplicatesReported++;
  const ofProbe = tcb.probing && tcb.probeRepeats && end === tcb.probeEnd;
  if (!ofProbe) tcb.rack.onDuplicateReported(tcb.sndUna, tcb.sndNxt);
  if (!tcb.undoable) return;
  tcb.repeatedBytes -= length;
  if (tcb.repeatedBytes <= 0) undo(context, tcb);
}

/**
 * After an ACK has been worked into the scoreboard.
 *
 * @param acknowledged how far SND.UNA moved
 * @param flightBytes what was in flight before
 * @param duplicate it says nothing new, and there is no SACK
 */
export function afterAcknowledgment(
  context: TcpContext,
  tcb: Tcb,
  segment: Segment,
  acknowledged: number,
  flightBytes: number,
  duplicate: boolean,
): void {
  const { delivery } = context;
  const { nowMs } = context.clock;
  const { scoreboard, congestion } = tcb;
  if (acknowledged > 0) {
    measure(context, tcb, segment);
    if (delivery.retransmitted && isEchoOfFirst(tcb, segment)) undo(context, tcb);
    endIfRepaired(tcb);
  }
  const wasRecovering = tcb.lossState === LOSS_RECOVERY;
  if (tcb.sackPermitted) {
    tcb.rack.onDelivered(delivery, nowMs);
    if (!scoreboard.undisturbed) detectLoss(context, tcb, flightBytes);
  } else {
    countDuplicateAcks(context, tcb, acknowledged, flightBytes, duplicate);
  }
  if (tcb.lossState === LOSS_RECOVERY) {
    const delivered = duplicate && !tcb.sackPermitted ? tcb.mss : delivery.bytes;
    // What the ACK that starts a recovery has delivered counts, RFC 6937 3.
    if (wasRecovering || delivered > 0) congestion.onRecoveryAck(delivered, tcb.pipeBytes);
  } else if (acknowledged > 0) {
    congestion.onDelivered(acknowledged, tcb.sndUna, flightBytes, tcb.rtt.srttMs, nowMs);
  }
  if (scoreboard.lostBytes > 0) context.wantOutput(tcb);
}

/** RACK's look at what is in flight; after an ACK, and when its timer has run out. */
export function detectLoss(context: TcpContext, tcb: Tcb, flightBytes: number): void {
  const { nowMs } = context.clock;
  const { scoreboard } = tcb;
  const lostBefore = scoreboard.lostBytes;
  const waitMs = tcb.rack.detect(scoreboard, tcb.rtt, tcb.recovering, nowMs);
  tcb.reorderAt = waitMs > 0 ? nowMs + waitMs : Infinity;
  if (waitMs > 0) context.armTimers(tcb);
  if (scoreboard.lostBytes > lostBefore) {
    lossSeen(context, tcb, flightBytes);
    context.wantOutput(tcb);
  }
}

/** Something counts as lost. */
export function lossSeen(context: TcpContext, tcb: Tcb, flightBytes: number): void {
  if (tcb.recovering) return;
  begin(tcb);
  tcb.lossState = LOSS_RECOVERY;
  tcb.congestion.enterRecovery(flightBytes);
  context.counters.tcpFastRetransmits++;
}

/** The retransmission timer has run out (RFC 6298 5.4 to 5.6). */
export function timeoutSeen(context: TcpContext, tcb: Tcb): void {
  const { scoreboard } = tcb;
  context.counters.tcpRetransmitTimeouts++;
  tcb.rtt.backOff();
  if (scoreboard.forgetReneged()) context.counters.tcpSackReneged++;
  const flightBytes = scoreboard.bytes;
  scoreboard.loseAll();
  // Into a closed window goes a probe: its silence says nothing of the path.
  if (tcb.sndWnd === 0) return;
  const first = tcb.lossState !== LOSS_TIMEOUT;
  if (!tcb.recovering) begin(tcb);
  tcb.lossState = LOSS_TIMEOUT;
  tcb.recoverUntil = tcb.sndNxt;
  tcb.duplicateAcks = 0;
  tcb.duplicateAckBytes = 0;
  tcb.congestion.onTimeout(flightBytes, first);
}

/** Something has been sent again. */
export function noteRepeated(context: TcpContext, tcb: Tcb, bytes: number): void {
  context.counters.tcpRetransmits++;
  tcb.retransmits++;
  tcb.repeatedBytes += bytes;
  if (tcb.timestamps && !tcb.repeatStamped) {
    tcb.repeatStamped = true;
    tcb.repeatStamp = timestampNow(context.clock.nowMs, tcb.timestampOffset);
  }
}

function begin(tcb: Tcb): void {
  tcb.recoverUntil = tcb.sndNxt;
  tcb.undoable = true;
  tcb.repeatedBytes = 0;
  tcb.repeatStamped = false;
  tcb.tailProbeAt = Infinity;
}

function measure(context: TcpContext, tcb: Tcb, segment: Segment): void {
  const { delivery } = context;
  const { nowMs } = context.clock;
  if (delivery.clean) {
    tcb.rtt.bound(nowMs - delivery.lastSentAtMs, nowMs);
    // What was SACKed long ago tells nothing; what is acknowledged now tells with its delay (RFC 6298 3).
    if (!delivery.retransmitted) {
      tcb.rtt.measure(nowMs - delivery.firstSentAtMs, tcb.sndUna, tcb.sndNxt);
    }
  } else if (
    tcb.timestamps &&
    segment.options.hasTimestamps &&
    segment.options.timestampEcho !== 0 &&
    // The echo is not of what brought this ACK about, but of the first copy, whose own ACK was lost long ago.
    !delivery.ofDuplicate
  ) {
    const echoed = timestampNow(nowMs, tcb.timestampOffset);
    const rttMs = distance(segment.options.timestampEcho, echoed);
    if (rttMs >= 0) tcb.rtt.measure(rttMs, tcb.sndUna, tcb.sndNxt);
  }
}

/** Eifel (RFC 3522 3.2): what the ACK answers was sent before the first repetition. */
function isEchoOfFirst(tcb: Tcb, segment: Segment): boolean {
  if (!tcb.recovering || !tcb.undoable || !tcb.repeatStamped || !segment.options.hasTimestamps) return false;
  return isBefore(segment.options.timestampEcho, tcb.repeatStamp);
}

function undo(context: TcpContext, tcb: Tcb): void {
  context.counters.tcpSpuriousRecoveries++;
  tcb.undoable = false;
  tcb.congestion.undo();
  tcb.scoreboard.takeBackLost();
  tcb.lossState = LOSS_NONE;
}

function endIfRepaired(tcb: Tcb): void {
  if (!tcb.recovering || isBefore(tcb.sndUna, tcb.recoverUntil)) return;
  if (tcb.lossState === LOSS_RECOVERY) tcb.congestion.exitRecovery();
  tcb.rack.onRecoveryEnded();
  tcb.lossState = LOSS_NONE;
  tcb.duplicateAcks = 0;
  tcb.duplicateAckBytes = 0;
}

/** RFC 5681 3.2, RFC 6582 3.2: each duplicate is a segment that has left the network. */
function countDuplicateAcks(
  context: TcpContext,
  tcb: Tcb,
  acknowledged: number,
  flightBytes: number,
  duplicate: boolean,
): void {
  if (acknowledged > 0) {
    tcb.duplicateAckBytes = tcb.recovering ? Math.max(0, tcb.duplicateAckBytes - acknowledged) : 0;
    tcb.duplicateAcks = 0;
    // A partial ACK points at the next hole.
    if (tcb.lossState === LOSS_RECOVERY) tcb.scoreboard.loseFirst();
  } else if (duplicate) {
    tcb.duplicateAcks++;
    tcb.duplicateAckBytes += tcb.mss;
    if (tcb.duplicateAcks !== DUPLICATE_THRESHOLD || tcb.recovering) return;
    tcb.scoreboard.loseFirst();
    lossSeen(context, tcb, flightBytes);
  }
}

/** What a tail probe that is acknowledged says (RFC 8985 7.4). */
export function checkTailProbe(
  tcb: Tcb,
  segment: Segment,
  duplicateReport: boolean,
  duplicate: boolean,
): void {
  if (!tcb.probing || !tailProbeAcknowledged(tcb, segment, duplicateReport, duplicate)) return;
  if (tcb.recovering) return;
  // The probe itself has repaired the only loss there was; the path has spoken all the same.
  tcb.congestion.enterRecovery(tcb.scoreboard.bytes);
  tcb.congestion.exitRecovery();
}
