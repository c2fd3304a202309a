/**
 * Segments out: what a connection sends when its turn comes.
 *
 * In order: a SYN; what has to be repeated; new data and the FIN, as far as
 * the peer's window and the congestion window let them; and an ACK alone where
 * none of these carried it. All is driven by flags on the Tcb, so a turn can be
 * cut short by a full device at any point and taken up again.
 *
 * Segments are as large as the device takes (with offload, many times the MSS),
 * rounded down to whole multiples of the MSS so that no runt is cut from the
 * middle of a stream. There is no Nagle delay (RFC 9293 3.7.4 lets an
 * application turn it off, and a relay must): the sender's silly window
 * avoidance of 3.8.6.2.1 remains.
 */
import { ACK, FIN, PSH, SYN, TCP_HEADER_BYTES } from '../wire/tcp.ts';
import { VIRTIO_NET_HEADER_BYTES, writeVirtioSegmentation } from '../wire/virtio-net.ts';
import { writeSegmentHead } from './bare-segment.ts';
import type { TcpContext } from './context.ts';
import { acknowledgmentSent } from './delayed-ack.ts';
import { DEFAULT_MSS, NO_WINDOW_SCALE, SynOptions, writeSynOptions } from './options.ts';
import { noteRepeated } from './recovery.ts';
import { prepareOptions, writeOptions } from './segment-options.ts';
import { distance } from './sequence.ts';
import { CLOSE_WAIT, CLOSED, FIN_WAIT_1, LAST_ACK, SYN_RECEIVED, SYN_SENT, TIME_WAIT } from './state.ts';
import { scheduleTailProbe, tailProbeSent } from './tail-probe.ts';
import type { Tcb } from './tcb.ts';
import { timestampNow } from './timestamps.ts';
import { synWindowField, windowField } from './window.ts';

/** Frames of one connection before the next has its turn. */
const TURN_FRAMES = 16;

/** What the smallest packet of RFC 791, 68 bytes, has room for. */
const MIN_SEGMENT_PAYLOAD = 28;

/** @returns true when the connection has no more to send for now */
export function output(context: TcpContext, tcb: Tcb): boolean {
  if (tcb.state === CLOSED) return true;
  if (tcb.state === SYN_RECEIVED || tcb.state === SYN_SENT) return sendHandshake(context, tcb);
  if (tcb.state !== TIME_WAIT) {
    if (tcb.tailProbeWanted && !sendTailProbe(context, tcb)) return false;
    if (tcb.scoreboard.lostBytes > 0 && !repeatLost(context, tcb)) return false;
    if (!tcb.finSent && !sendNew(context, tcb)) return false;
  }
  if (tcb.keepAliveWanted && !sendKeepAlive(context, tcb)) return false;
  while (tcb.duplicateAcksOwed > 0) {
    if (!sendAck(context, tcb)) return false;
    tcb.duplicateAcksOwed--;
  }
  return !tcb.ackWanted || sendAck(context, tcb);
}

/** A SYN-ACK, or to what does not belong to the handshake an ACK (RFC 9293 3.10.7.4, first). */
function sendHandshake(context: TcpContext, tcb: Tcb): boolean {
  if (tcb.synWanted) return sendSyn(context, tcb);
  return !tcb.ackWanted || tcb.state === SYN_SENT || sendAck(context, tcb);
}

const synOptions = new SynOptions();

/** The SYN, or in answer to the peer's the SYN-ACK. */
function sendSyn(context: TcpContext, tcb: Tcb): boolean {
  const { frame } = context.transmitter;
  const { nowMs } = context.clock;
  synOptions.mss = tcb.linkMss;
  synOptions.windowScale = tcb.scaling ? tcb.rcvScale : NO_WINDOW_SCALE;
  synOptions.sackPermitted = tcb.sackPermitted;
  synOptions.timestamps = tcb.timestamps;
  synOptions.timestampValue = timestampNow(nowMs, tcb.timestampOffset);
  const optionsAt = tcb.flow.path.transportOffset + TCP_HEADER_BYTES;
  const headerLength = TCP_HEADER_BYTES + writeSynOptions(frame.head, optionsAt, synOptions, tcb.tsRecent);
  frame.pieceCount = 0;
  const flags = tcb.state === SYN_SENT ? SYN : SYN | ACK;
  writeSegmentHead(frame, tcb.flow, tcb.iss, tcb.rcvNxt, flags, synWindowField(tcb), headerLength, 0);
  if (!context.transmitter.trySend()) return false;
  context.counters.tcpOut++;
  tcb.synWanted = false;
  tcb.ackWanted = false;
  if (tcb.synSentAtMs >= 0) tcb.synRepeated = true;
  tcb.synSentAtMs = nowMs;
  startRetransmitTimer(context, tcb);
  return true;
}

function sendAck(context: TcpContext, tcb: Tcb): boolean {
  context.transmitter.frame.pieceCount = 0;
  return sendSegment(context, tcb, tcb.sndNxt, ACK, 0, prepareOptions(tcb));
}

/** A segment from before the window, which the peer answers by an ACK (RFC 9293 3.8.4). */
function sendKeepAlive(context: TcpContext, tcb: Tcb): boolean {
  context.transmitter.frame.pieceCount = 0;
  if (!sendSegment(context, tcb, (tcb.sndNxt - 1) | 0, ACK, 0, prepareOptions(tcb))) return false;
  tcb.keepAliveWanted = false;
  return true;
}

/**
 * The payload of one segment on the wire: the MSS less the options, but no more
 * than half the peer's buffer. A segment that fills all of a small buffer leaves
 * its owner nothing to offer until the last byte is read, and both sides waiting.
 */
function segmentSize(tcb: Tcb, optionBytes: number): number {
  return Math.min(tcb.mss - optionBytes, halfWindow(tcb));
}

function halfWindow(tcb: Tcb): number {
  // Of a buffer below the MSS that every system takes, halves would be crumbs.
  const half = tcb.maxSndWnd > DEFAULT_MSS ? tcb.maxSndWnd >>> 1 : tcb.maxSndWnd;
  return Math.max(MIN_SEGMENT_PAYLOAD, half);
}

/** The largest payload of a frame: whole segments, or a single one. */
function frameLimit(tcb: Tcb, optionBytes: number): number {
  const size = segmentSize(tcb, optionBytes);
  const most = Math.min(tcb.maxPayload - optionBytes, halfWindow(tcb));
  return most < 2 * size ? size : most - (most % size);
}

/** Repeats what is lost, as far as the windows let it. @returns false where there is more to do */
function repeatLost(context: TcpContext, tcb: Tcb): boolean {
  const { scoreboard } = tcb;
  for (let frames = 0; frames < TURN_FRAMES; frames++) {
    if (scoreboard.lostBytes === 0) return true;
    const optionBytes = prepareOptions(tcb);
    const index = scoreboard.firstLost();
    const offset = distance(tcb.sndUna, scoreboard.startOf(index));
    // Into a window that has closed, one byte goes as a probe (RFC 9293 3.8.6.1).
    const inWindow = Math.max(tcb.sndWnd - offset, offset === 0 ? 1 : 0);
    if (inWindow <= 0) return true;
    const run = scoreboard.lostRun(index, Math.min(frameLimit(tcb, optionBytes), inWindow));
    const allowed = byCongestionWindow(tcb, run, optionBytes);
    if (allowed === 0) return true;
    if (!repeat(context, tcb, index, offset, allowed, optionBytes)) return false;
  }
  return scoreboard.lostBytes === 0;
}

/** All, or whole segments; one segment at least when nothing is on the way. */
function byCongestionWindow(tcb: Tcb, wanted: number, optionBytes: number): number {
  const { pipeBytes } = tcb;
  const room = tcb.congestion.room(pipeBytes);
  if (room >= wanted) return wanted;
  tcb.congestion.limitedAt(tcb.sndNxt);
  const size = segmentSize(tcb, optionBytes);
  if (room < size) return pipeBytes === 0 ? Math.min(wanted, size) : 0;
  return room - (room % size);
}

/** Sends again `length` sequence numbers of a lost run. @returns false when the device is full */
function repeat(
  context: TcpContext,
  tcb: Tcb,
  index: number,
  offset: number,
  length: number,
  optionBytes: number,
): boolean {
  const { sendQueue, scoreboard } = tcb;
  const start = scoreboard.startOf(index);
  const bytes = Math.min(length, sendQueue.sentBytes - offset);
  const gathered = sendQueue.gatherSent(context.transmitter.frame, offset, bytes);
  // The one number past the bytes is the FIN's.
  const withFin = gathered === bytes && length > bytes;
  const flags = (gathered > 0 ? ACK | PSH : ACK) | (withFin ? FIN : 0);
  if (!sendSegment(context, tcb, start, flags, gathered, optionBytes)) return false;
  const sent = gathered + (withFin ? 1 : 0);
  scoreboard.retransmitted(index, sent, context.clock.nowMs);
  tcb.congestion.onSent(sent);
  noteRepeated(context, tcb, sent);
  if (offset === 0 || tcb.retransmitAt === Infinity) startRetransmitTimer(context, tcb);
  return true;
}

/** RFC 8985 7.3: a segment of new data if there is one, else the last again, whatever the congestion window says. */
function sendTailProbe(context: TcpContext, tcb: Tcb): boolean {
  const { sendQueue, scoreboard } = tcb;
  if (tcb.inFlight === 0 || tcb.recovering) {
    tcb.tailProbeWanted = false;
    return true;
  }
  const optionBytes = prepareOptions(tcb);
  const size = segmentSize(tcb, optionBytes);
  const usable = (tcb.sndUna + tcb.sndWnd - tcb.sndNxt) | 0;
  const fresh = Math.min(size, usable, sendQueue.bytes - sendQueue.sentBytes);
  if (fresh > 0 && !tcb.finSent) {
    if (!sendFresh(context, tcb, fresh, optionBytes)) return false;
    tailProbeSent(tcb, false);
    return true;
  }
  const index = scoreboard.loseTail(size);
  const start = scoreboard.startOf(index);
  const length = Math.min(size + 1, distance(start, tcb.sndNxt));
  if (!repeat(context, tcb, index, distance(tcb.sndUna, start), length, optionBytes)) return false;
  tailProbeSent(tcb, true);
  return true;
}

function sendNew(context: TcpContext, tcb: Tcb): boolean {
  const { sendQueue, congestion } = tcb;
  if (sendQueue.bytes === sendQueue.sentBytes && !tcb.finWanted) {
    tcb.persistAt = Infinity;
    return true;
  }
  if (tcb.inFlight === 0 && context.clock.nowMs - tcb.lastSentAtMs > tcb.rtt.rtoMs) congestion.afterIdle();
  for (let frames = 0; frames < TURN_FRAMES; frames++) {
    const unsent = sendQueue.bytes - sendQueue.sentBytes;
    const finNext = tcb.finWanted && unsent === 0;
    if (unsent === 0 && !finNext) {
      tcb.persistAt = Infinity;
      scheduleTailProbe(context, tcb);
      return true;
    }
    const optionBytes = prepareOptions(tcb);
    const length = worthSending(context, tcb, unsent, optionBytes);
    // A FIN takes no buffer, so it goes whatever the windows say.
    if (length === 0 && !finNext) {
      waitForWindow(context, tcb);
      scheduleTailProbe(context, tcb);
      return true;
    }
    if (!sendFresh(context, tcb, length, optionBytes)) return false;
    if (tcb.finSent) {
      scheduleTailProbe(context, tcb);
      return true;
    }
  }
  scheduleTailProbe(context, tcb);
  return false;
}

/** Sends `length` bytes never sent, or as many as one frame gathers. @returns false when the device is full */
function sendFresh(context: TcpContext, tcb: Tcb, length: number, optionBytes: number): boolean {
  const { sendQueue } = tcb;
  const { nowMs } = context.clock;
  const unsent = sendQueue.bytes - sendQueue.sentBytes;
  const gathered = sendQueue.gatherUnsent(context.transmitter.frame, length);
  const last = gathered === unsent;
  const withFin = last && tcb.finWanted;
  const flags = (last && gathered > 0 ? ACK | PSH : ACK) | (withFin ? FIN : 0);
  if (!sendSegment(context, tcb, tcb.sndNxt, flags, gathered, optionBytes)) return false;
  tcb.probeWanted = false;
  tcb.persistAt = Infinity;
  sendQueue.advance(gathered);
  const sent = gathered + (withFin ? 1 : 0);
  tcb.sndNxt = (tcb.sndNxt + sent) | 0;
  tcb.scoreboard.sent(tcb.sndNxt, nowMs);
  tcb.congestion.onSent(sent);
  tcb.lastSentAtMs = nowMs;
  if (tcb.retransmitAt === Infinity) {
    tcb.progressed(nowMs);
    startRetransmitTimer(context, tcb);
  }
  if (withFin) {
    tcb.finSent = true;
    tcb.setState(tcb.state === CLOSE_WAIT ? LAST_ACK : FIN_WAIT_1);
  }
  return true;
}

/** How much of the unsent bytes to send now: 0 where waiting is better (RFC 9293 3.8.6.2.1). */
function worthSending(context: TcpContext, tcb: Tcb, unsent: number, optionBytes: number): number {
  const offered = (tcb.sndUna + tcb.sndWnd - tcb.sndNxt) | 0;
  const room = tcb.congestion.room(tcb.pipeBytes);
  if (room < offered && room < unsent) tcb.congestion.limitedAt((tcb.sndNxt + room) | 0);
  const usable = Math.min(offered, room);
  const length = Math.min(unsent, usable, frameLimit(tcb, optionBytes));
  // All there is, or whole segments.
  if (length === unsent) return length;
  const size = segmentSize(tcb, optionBytes);
  if (length >= size) return length - (length % size);
  return tcb.probeWanted ? Math.max(1, length) : 0;
}

/** What is in flight will bring an ACK, and the window with it. If nothing is, a timer must. */
function waitForWindow(context: TcpContext, tcb: Tcb): void {
  if (tcb.inFlight > 0 || tcb.persistAt !== Infinity) return;
  tcb.progressed(context.clock.nowMs);
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
  optionBytes: number,
): boolean {
  const { transmitter } = context;
  const { frame } = transmitter;
  const headerLength = TCP_HEADER_BYTES + optionBytes;
  const window = windowField(context, tcb);
  writeSegmentHead(frame, tcb.flow, sequence, tcb.rcvNxt, flags, window, headerLength, payloadLength);
  if (optionBytes > 0) {
    writeOptions(context, tcb, frame.head, tcb.flow.path.transportOffset + TCP_HEADER_BYTES, optionBytes);
  }
  const size = segmentSize(tcb, optionBytes);
  if (payloadLength > size) {
    const { segmentationType } = tcb.flow.path;
    const headerBytes = frame.headLength - VIRTIO_NET_HEADER_BYTES;
    writeVirtioSegmentation(frame.head, 0, segmentationType, size, headerBytes);
  }
  if (!transmitter.trySend()) return false;
  context.counters.tcpOut++;
  tcb.sackReport?.sent();
  acknowledgmentSent(context, tcb, payloadLength > 0);
  return true;
}

/** RFC 6298 5.1 */
function startRetransmitTimer(context: TcpContext, tcb: Tcb): void {
  tcb.retransmitAt = context.clock.nowMs + tcb.rtt.rtoMs;
  context.armTimers(tcb);
}
