/**
 * Segments out: what a connection sends when its turn comes.
 *
 * In order: a SYN-ACK; what has to be repeated; new data and the FIN, as far as
 * the peer's window lets it; and an ACK alone where none of these carried it.
 * All is driven by flags on the Tcb, so a turn can be cut short by a full
 * device at any point and taken up again.
 *
 * Segments are as large as the device takes (with offload, many times the MSS),
 * rounded down to whole multiples of the MSS so that no runt is cut from the
 * middle of a stream. There is no Nagle delay (RFC 9293 3.7.4 lets an
 * application turn it off, and a relay must): the sender's silly window
 * avoidance of 3.8.6.2.1 remains.
 */
import { TRANSPORT_OFFSET } from '../ip/datagram-sender.ts';
import { IPV4_HEADER_BYTES } from '../wire/ipv4.ts';
import { ACK, FIN, PSH, SYN, TCP_HEADER_BYTES } from '../wire/tcp.ts';
import { GSO_TCPV4, writeVirtioSegmentation } from '../wire/virtio-net.ts';
import { writeSegmentHead } from './bare-segment.ts';
import type { TcpContext } from './context.ts';
import { acknowledgmentSent } from './delayed-ack.ts';
import { DEFAULT_MSS, NO_WINDOW_SCALE, writeSynAckOptions } from './options.ts';
import { CLOSE_WAIT, CLOSED, FIN_WAIT_1, LAST_ACK, SYN_RECEIVED, TIME_WAIT } from './state.ts';
import type { Tcb } from './tcb.ts';
import { synAckWindowField, windowField } from './window.ts';

/** Frames of one connection before the next has its turn. */
const TURN_FRAMES = 16;

/** What the smallest packet of RFC 791, 68 bytes, has room for. */
const MIN_SEGMENT_PAYLOAD = 28;

/** @returns true when the connection has no more to send for now */
export function output(context: TcpContext, tcb: Tcb): boolean {
  if (tcb.state === CLOSED) return true;
  if (tcb.state === SYN_RECEIVED) return !tcb.synAckWanted || sendSynAck(context, tcb);
  if (tcb.state !== TIME_WAIT) {
    if (tcb.retransmitWanted && !retransmit(context, tcb)) return false;
    if (!tcb.finSent && !sendNew(context, tcb)) return false;
  }
  while (tcb.duplicateAcksOwed > 0) {
    if (!sendAck(context, tcb)) return false;
    tcb.duplicateAcksOwed--;
  }
  return !tcb.ackWanted || sendAck(context, tcb);
}

function sendSynAck(context: TcpContext, tcb: Tcb): boolean {
  const { frame } = context.transmitter;
  const optionBytes = writeSynAckOptions(
    frame.head,
    TRANSPORT_OFFSET + TCP_HEADER_BYTES,
    context.linkMss,
    tcb.scaling ? tcb.rcvScale : NO_WINDOW_SCALE,
  );
  frame.pieceCount = 0;
  const headerLength = TCP_HEADER_BYTES + optionBytes;
  writeSegmentHead(frame, tcb.flow, tcb.iss, tcb.rcvNxt, SYN | ACK, synAckWindowField(tcb), headerLength, 0);
  if (!context.transmitter.trySend()) return false;
  context.counters.tcpOut++;
  tcb.synAckWanted = false;
  tcb.rtt.sent((tcb.iss + 1) | 0, context.clock.nowMs);
  startRetransmitTimer(context, tcb);
  return true;
}

function sendAck(context: TcpContext, tcb: Tcb): boolean {
  context.transmitter.frame.pieceCount = 0;
  return sendSegment(context, tcb, tcb.sndNxt, ACK, 0);
}

/**
 * The payload of one segment on the wire: the MSS, but no more than half the
 * peer's buffer. A segment that fills all of a small buffer leaves its owner
 * nothing to offer until the last byte is read, and both sides waiting.
 */
function segmentSize(tcb: Tcb): number {
  return Math.min(tcb.mss, halfWindow(tcb));
}

function halfWindow(tcb: Tcb): number {
  // Of a buffer below the MSS that every system takes, halves would be crumbs.
  const half = tcb.maxSndWnd > DEFAULT_MSS ? tcb.maxSndWnd >>> 1 : tcb.maxSndWnd;
  return Math.max(MIN_SEGMENT_PAYLOAD, half);
}

/** The largest payload of a frame: whole segments, or a single one. */
function frameLimit(context: TcpContext, tcb: Tcb): number {
  const size = segmentSize(tcb);
  const most = Math.min(context.maxPayload, halfWindow(tcb));
  return most < 2 * size ? size : most - (most % size);
}

/** Repeats from the first byte not acknowledged: a frame's worth, since a frame is what this link loses. */
function retransmit(context: TcpContext, tcb: Tcb): boolean {
  const { sendQueue } = tcb;
  const sent = sendQueue.sentBytes;
  if (sent === 0 && !tcb.finSent) {
    tcb.retransmitWanted = false;
    return true;
  }
  // Into a window that has closed, one byte goes as a probe (RFC 9293 3.8.6.1).
  const allowed = Math.min(frameLimit(context, tcb), Math.max(1, tcb.sndWnd));
  const length = sendQueue.gatherSent(context.transmitter.frame, allowed);
  const withFin = tcb.finSent && length === sent;
  const flags = (length > 0 ? ACK | PSH : ACK) | (withFin ? FIN : 0);
  if (!sendSegment(context, tcb, tcb.sndUna, flags, length)) return false;
  tcb.retransmitWanted = false;
  tcb.rtt.retransmitted();
  context.counters.tcpRetransmits++;
  startRetransmitTimer(context, tcb);
  return true;
}

function sendNew(context: TcpContext, tcb: Tcb): boolean {
  const { sendQueue } = tcb;
  for (let frames = 0; frames < TURN_FRAMES; frames++) {
    const unsent = sendQueue.bytes - sendQueue.sentBytes;
    const finNext = tcb.finWanted && unsent === 0;
    if (unsent === 0 && !finNext) {
      tcb.persistAt = Infinity;
      return true;
    }
    const length = worthSending(context, tcb, unsent);
    // A FIN takes no buffer, so it goes whatever the window says.
    if (length === 0 && !finNext) {
      waitForWindow(context, tcb);
      return true;
    }
    const gathered = sendQueue.gatherUnsent(context.transmitter.frame, length);
    const last = gathered === unsent;
    const withFin = last && tcb.finWanted;
    const flags = (last && gathered > 0 ? ACK | PSH : ACK) | (withFin ? FIN : 0);
    if (!sendSegment(context, tcb, tcb.sndNxt, flags, gathered)) return false;
    tcb.probeWanted = false;
    tcb.persistAt = Infinity;
    sendQueue.advance(gathered);
    tcb.sndNxt = (tcb.sndNxt + gathered + (withFin ? 1 : 0)) | 0;
    tcb.rtt.sent(tcb.sndNxt, context.clock.nowMs);
    if (tcb.retransmitAt === Infinity) {
      tcb.progressAt = context.clock.nowMs;
      startRetransmitTimer(context, tcb);
    }
    if (withFin) {
      tcb.finSent = true;
      tcb.setState(tcb.state === CLOSE_WAIT ? LAST_ACK : FIN_WAIT_1);
      return true;
    }
  }
  return false;
}

/** How much of the unsent bytes to send now: 0 where waiting is better (RFC 9293 3.8.6.2.1). */
function worthSending(context: TcpContext, tcb: Tcb, unsent: number): number {
  const usable = (tcb.sndUna + tcb.sndWnd - tcb.sndNxt) | 0;
  const length = Math.min(unsent, usable, frameLimit(context, tcb));
  // All there is, or whole segments.
  if (length === unsent) return length;
  const size = segmentSize(tcb);
  if (length >= size) return length - (length % size);
  return tcb.probeWanted ? Math.max(1, length) : 0;
}

/** What is in flight will bring an ACK, and the window with it. If nothing is, a timer must. */
function waitForWindow(context: TcpContext, tcb: Tcb): void {
  if (tcb.inFlight > 0 || tcb.persistAt !== Infinity) return;
  tcb.progressAt = context.clock.nowMs;
  tcb.persistAt = context.clock.nowMs + tcb.rtt.rtoMs;
  context.armTimers(tcb);
}

/** Sends a segment whose payload, if any, is gathered in the frame. It carries every ACK that is due. */
function sendSegment(
  context: TcpContext,
  tcb: Tcb,
  sequence: number,
  flags: number,
  payloadLength: number,
): boolean {
  const { transmitter } = context;
  const { frame } = transmitter;
  writeSegmentHead(
    frame,
    tcb.flow,
    sequence,
    tcb.rcvNxt,
    flags,
    windowField(context, tcb),
    TCP_HEADER_BYTES,
    payloadLength,
  );
  const size = segmentSize(tcb);
  if (payloadLength > size) {
    writeVirtioSegmentation(frame.head, 0, GSO_TCPV4, size, IPV4_HEADER_BYTES + TCP_HEADER_BYTES);
  }
  if (!transmitter.trySend()) return false;
  context.counters.tcpOut++;
  acknowledgmentSent(context, tcb, payloadLength > 0);
  return true;
}

/** RFC 6298 5.1 */
function startRetransmitTimer(context: TcpContext, tcb: Tcb): void {
  tcb.retransmitAt = context.clock.nowMs + tcb.rtt.rtoMs;
  context.armTimers(tcb);
}
