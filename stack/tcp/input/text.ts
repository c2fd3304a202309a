/**
 * The seventh and eighth step of RFC 9293 3.10.7.4: the segment's text and FIN.
 *
 * Text is copied once, from the device's buffer to its place in the receive
 * queue, ahead of a gap as well. What is old is trimmed from the front, what is
 * beyond the window or a FIN from the end.
 */
import { RangeSet } from '../../storage/range-set.ts';
import { FIN } from '../../wire/tcp.ts';
import { moveToTimeWait } from '../close/lifecycle.ts';
import { distance, isAfter, isBefore } from '../numbers/sequence.ts';
import { ackNow, duplicateAckNow, scheduleAck } from '../receive/delayed-ack.ts';
import { SackReport } from '../segment/sack-report.ts';
import type { Segment } from '../segment/segment.ts';
import type { TcpContext } from '../state/context.ts';
import { CLOSE_WAIT, CLOSING, ESTABLISHED, FIN_WAIT_1, FIN_WAIT_2 } from '../state/state.ts';
import { EVENT_READABLE, type Tcb } from '../state/tcb.ts';

export function textArrives(context: TcpContext, tcb: Tcb, segment: Segment): void {
  const hasFin = (segment.flags & FIN) !== 0;
  if (segment.payloadLength === 0 && !hasFin) return;
  const end = (segment.sequence + segment.payloadLength) | 0;
  if (tcb.finReceived) {
    if (isAfter(end, tcb.rcvNxt)) {
      context.counters.tcpDataAfterFin++;
    } else {
      context.counters.tcpDuplicateData++;
      reportDuplicate(tcb, segment.sequence, end);
    }
    ackNow(context, tcb);
    return;
  }
  const limit = tcb.finAhead ? tcb.finAheadSequence : tcb.rcvAdv;
  const from = isBefore(segment.sequence, tcb.rcvNxt) ? tcb.rcvNxt : segment.sequence;
  const to = isAfter(end, limit) ? limit : end;
  if (segment.payloadLength > 0 && !takeText(context, tcb, segment, from, to)) return;
  // A FIN whose text was trimmed has not arrived.
  if (hasFin && to === end && !tcb.finAhead) {
    tcb.finAhead = true;
    tcb.finAheadSequence = end;
    ackNow(context, tcb);
  }
  if (tcb.finAhead && tcb.finAheadSequence === tcb.rcvNxt) receiveFin(context, tcb);
}

/** A segment outside of the window, most often one that has come before. */
export function repetitionArrives(context: TcpContext, tcb: Tcb, segment: Segment): void {
  const end = (segment.sequence + segment.payloadLength) | 0;
  if (isBefore(segment.sequence, tcb.rcvNxt) && !isAfter(end, tcb.rcvNxt)) {
    reportDuplicate(tcb, segment.sequence, end);
  }
  ackNow(context, tcb);
}

/** @returns false when there was no memory for it, and so none of the segment counts */
function takeText(context: TcpContext, tcb: Tcb, segment: Segment, from: number, to: number): boolean {
  const { counters } = context;
  const length = distance(from, to);
  if (length <= 0) {
    if (isBefore(segment.sequence, tcb.rcvNxt)) {
      counters.tcpDuplicateData++;
      reportDuplicate(tcb, segment.sequence, to);
    } else {
      counters.tcpBeyondWindow++;
    }
    ackNow(context, tcb);
    return true;
  }
  const offset = segment.payloadOffset + distance(segment.sequence, from);
  if (from !== tcb.rcvNxt) {
    duplicateAckNow(context, tcb);
    return keepAhead(context, tcb, segment, offset, from, to);
  }
  if (!tcb.receiveQueue.write(0, segment.buffer, offset, length)) {
    counters.tcpNoMemory++;
    ackNow(context, tcb);
    return false;
  }
  tcb.receiveQueue.extend(length);
  tcb.rcvNxt = to;
  if (tcb.outOfOrder !== null && tcb.outOfOrder.count > 0) closeGap(context, tcb, tcb.outOfOrder);
  scheduleAck(context, tcb, length);
  context.wantEvent(tcb, EVENT_READABLE);
  return true;
}

/** Text beyond a gap. Under memory pressure what is in order comes first. */
function keepAhead(
  context: TcpContext,
  tcb: Tcb,
  segment: Segment,
  offset: number,
  from: number,
  to: number,
): boolean {
  const { counters, limits, pool } = context;
  counters.tcpOutOfOrder++;
  tcb.outOfOrder ??= new RangeSet(limits.maxOutOfOrderRanges);
  const ranges = tcb.outOfOrder;
  if (ranges.contains(from, to)) {
    counters.tcpDuplicateData++;
    reportDuplicate(tcb, from, to);
    return true;
  }
  if (pool.roomBytes < limits.receivePoolBytes / 4 || !ranges.hasRoomFor(from, to)) {
    counters.tcpOutOfOrderDropped++;
    return false;
  }
  const ahead = distance(tcb.rcvNxt, from);
  if (!tcb.receiveQueue.write(ahead, segment.buffer, offset, distance(from, to))) {
    counters.tcpNoMemory++;
    return false;
  }
  ranges.insert(from, to);
  if (tcb.sackPermitted) {
    tcb.sackReport ??= new SackReport();
    tcb.sackReport.arrived(from);
  }
  return true;
}

/** RFC 2883: the next ACK tells what came for nothing. */
function reportDuplicate(tcb: Tcb, start: number, end: number): void {
  if (!tcb.sackPermitted || !isBefore(start, end)) return;
  tcb.sackReport ??= new SackReport();
  tcb.sackReport.repeated(start, end);
}

/** What came in order may reach text that was waiting: RFC 5681 4.2 wants an ACK at once. */
function closeGap(context: TcpContext, tcb: Tcb, ranges: RangeSet): void {
  const reached = ranges.advance(tcb.rcvNxt);
  tcb.receiveQueue.extend(distance(tcb.rcvNxt, reached));
  tcb.rcvNxt = reached;
  tcb.duplicateAcksOwed = 0;
  ackNow(context, tcb);
}

function receiveFin(context: TcpContext, tcb: Tcb): void {
  tcb.rcvNxt = (tcb.rcvNxt + 1) | 0;
  tcb.finReceived = true;
  tcb.finAhead = false;
  ackNow(context, tcb);
  context.wantEvent(tcb, EVENT_READABLE);
  if (tcb.state === ESTABLISHED) tcb.setState(CLOSE_WAIT);
  else if (tcb.state === FIN_WAIT_1) tcb.setState(CLOSING);
  else if (tcb.state === FIN_WAIT_2) moveToTimeWait(context, tcb);
}
