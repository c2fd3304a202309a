/**
 * Segments out: what a connection sends when its turn comes.
 *
 * In order: a SYN; what has to be repeated (repetition.ts); new data and the FIN
 * (new-data.ts); and an ACK alone where none of these carried it. All is driven
 * by flags on the Tcb, so a turn can be cut short by a full device at any point
 * and taken up again.
 *
 * Segments are as large as the device takes (with offload, many times the MSS),
 * rounded down to whole multiples of the MSS so that no runt is cut from the
 * middle of a stream.
 */
import { ACK, SYN, TCP_HEADER_BYTES } from '../../wire/tcp.ts';
import { timestampNow } from '../numbers/timestamp.ts';
import { synWindowField } from '../receive/window.ts';
import { NO_WINDOW_SCALE, SynOptions, writeSynOptions } from '../segment/options.ts';
import type { TcpContext } from '../state/context.ts';
import { CLOSED, SYN_RECEIVED, SYN_SENT, TIME_WAIT } from '../state/state.ts';
import type { Tcb } from '../state/tcb.ts';
import { writeSegmentHead } from './bare-segment.ts';
import { sendNew } from './new-data.ts';
import { repeatLost, sendTailProbe } from './repetition.ts';
import { prepareOptions } from './segment-options.ts';
import { sendSegment, startRetransmitTimer } from './send-segment.ts';

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
  if (tcb.synSentAtMs < 0) tcb.synSentAtMs = nowMs;
  startRetransmitTimer(context, tcb);
  return true;
}

function sendAck(context: TcpContext, tcb: Tcb): boolean {
  context.transmitter.frame.pieceCount = 0;
  return sendSegment(context, tcb, tcb.bareSequence, ACK, 0, prepareOptions(tcb));
}

/** A segment from before the window, which the peer answers by an ACK (RFC 9293 3.8.4). */
function sendKeepAlive(context: TcpContext, tcb: Tcb): boolean {
  context.transmitter.frame.pieceCount = 0;
  if (!sendSegment(context, tcb, (tcb.sndNxt - 1) | 0, ACK, 0, prepareOptions(tcb))) return false;
  tcb.keepAliveWanted = false;
  return true;
}
