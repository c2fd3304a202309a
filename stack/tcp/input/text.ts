/**
 * The seventh and eighth step of RFC 9293 3.10.7.4: the segment's text and FIN.
 *
 * Text is copied once, from the device's buffer to its place in the receive
 * queue, ahead of a gap as well. What is old is trimmed from the front, what is
 * beyond the window or a FIN from the end.
 */
import { BLOCK_BYTES } from '../../storage/block-pool.ts';
import { RangeSet } from '../../storage/range-set.ts';
import { FIN } from '../../wire/tcp.ts';
import { abortTcb, moveToTimeWait } from '../close/lifecycle.ts';
import { distance, isAfter, isBefore } from '../numbers/sequence.ts';
import { ackNow, duplicateAckNow, scheduleAck } from '../receive/delayed-ack.ts';
import { SackReport } from '../segment/sack-report.ts';
import type { Segment } from '../segment/segment.ts';
import type { TcpContext } from '../state/context.ts';
import { CLOSE_WAIT, CLOSING, ESTABLISHED, FIN_WAIT_1, FIN_WAIT_2 } from '../state/state.ts';
import { EVENT_READABLE, type Tcb } from '../state/tcb.ts';

/**
 * Text ahead of a gap may take two blocks, and a third is left for what closes the gap: else connections that hold such
 * text alone wait for each other's memory without end, where there are few blocks.
 */
const LEAST_ROOM_BYTES = 3 * BLOCK_BYTES;

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
  const taken = segment.payloadLength > 0 ? takeText(context, tcb, segment, from, to) : to;
  // A FIN whose text was trimmed has not arrived.
  if (hasFin && taken === end && !tcb.finAhead && !finArrives(context, tcb, end)) return;
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

/**
 * What there is no memory for is dropped: the peer has it still, and sends it
 * again by its timer, or sooner by its tail probe. That is rare, since every
 * connection has its first block (storage/block-pool.ts).
 *
 * @returns how far the text is here now; no further than `from` where it was dropped
 */
function takeText(context: TcpContext, tcb: Tcb, segment: Segment, from: number, to: number): number {
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
    return to;
  }
  const offset = segment.payloadOffset + distance(segment.sequence, from);
  if (from !== tcb.rcvNxt) {
    duplicateAckNow(context, tcb);
    return keepAhead(context, tcb, segment, offset, from, to);
  }
  const taken = tcb.receiveQueue.write(0, segment.buffer, offset, length);
  if (taken < length) {
    counters.tcpNoMemory++;
    ackNow(context, tcb);
    if (taken === 0) return from;
  }
  const reached = (from + taken) | 0;
  tcb.receiveQueue.extend(taken);
  tcb.rcvNxt = reached;
  if (tcb.outOfOrder !== null && tcb.outOfOrder.count > 0) closeGap(context, tcb, tcb.outOfOrder);
  scheduleAck(context, tcb, taken);
  context.wantEvent(tcb, EVENT_READABLE);
  return reached;
}

/** Text beyond a gap. Under memory pressure what is in order comes first. */
function keepAhead(
  context: TcpContext,
  tcb: Tcb,
  segment: Segment,
  offset: number,
  from: number,
  to: number,
): number {
  const { counters, limits, pool } = context;
  counters.tcpOutOfOrder++;
  tcb.outOfOrder ??= new RangeSet(limits.maxOutOfOrderRanges);
  const ranges = tcb.outOfOrder;
  if (ranges.contains(from, to)) {
    counters.tcpDuplicateData++;
    reportDuplicate(tcb, from, to);
    return to;
  }
  if (
    pool.roomBytes < Math.max(limits.receivePoolBytes / 4, LEAST_ROOM_BYTES) ||
    !ranges.hasRoomFor(from, to)
  ) {
    counters.tcpOutOfOrderDropped++;
    return from;
  }
  const ahead = distance(tcb.rcvNxt, from);
  const length = distance(from, to);
  const taken = tcb.receiveQueue.write(ahead, segment.buffer, offset, length);
  if (taken < length) {
    counters.tcpNoMemory++;
    if (taken === 0) return from;
  }
  const reached = (from + taken) | 0;
  ranges.insert(from, reached);
  if (tcb.sackPermitted) {
    tcb.sackReport ??= new SackReport();
    tcb.sackReport.arrived(from);
  }
  return reached;
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

/**
 * Behind a FIN there is nothing: text that has come from there shows that the peer contradicts itself. One before
 * RCV.NXT is a segment from before the window like any other; nobody can say which text is meant where it waits for a
 * gap to close.
 *
 * @returns false when the connection is gone by it
 */
function finArrives(context: TcpContext, tcb: Tcb, sequence: number): boolean {
  const { outOfOrder } = tcb;
  if (
    outOfOrder !== null &&
    outOfOrder.count > 0 &&
    isAfter(outOfOrder.end(outOfOrder.count - 1), sequence)
  ) {
    context.counters.tcpDataAfterFin++;
    abortTcb(context, tcb, 'aborted');
    return false;
  }
  ackNow(context, tcb);
  if (isBefore(sequence, tcb.rcvNxt)) {
    context.counters.tcpNotAcceptable++;
    return true;
  }
  tcb.finAhead = true;
  tcb.finAheadSequence = sequence;
  return true;
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
