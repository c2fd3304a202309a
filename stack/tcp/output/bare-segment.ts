/**
 * Segments without payload or options that belong to no connection, or no
 * longer to one: resets, and the ACKs of TIME-WAIT.
 */
import type { OutgoingFrame } from '../../device.ts';
import type { Flow } from '../../ip/packet/flow.ts';
import { foldSum, pseudoHeaderSum } from '../../wire/checksum.ts';
import { PROTOCOL_TCP } from '../../wire/ipv4.ts';
import { ACK, FIN, RST, SYN, TCP_CHECKSUM_OFFSET, TCP_HEADER_BYTES, writeTcp } from '../../wire/tcp.ts';
import type { Segment } from '../segment/segment.ts';
import type { TcpContext } from '../state/context.ts';

/** All headers of a segment but its options; the device finishes the checksum. */
export function writeSegmentHead(
  frame: OutgoingFrame,
  flow: Flow,
  sequence: number,
  acknowledgment: number,
  flags: number,
  window: number,
  headerLength: number,
  payloadLength: number,
): void {
  const { head } = frame;
  const { path } = flow;
  const length = headerLength + payloadLength;
  path.writeHead(head, PROTOCOL_TCP, length, TCP_CHECKSUM_OFFSET);
  writeTcp(
    head,
    path.transportOffset,
    flow.localPort,
    flow.remotePort,
    sequence,
    acknowledgment,
    headerLength,
    flags,
    window,
    foldSum(pseudoHeaderSum(path.addressSum, PROTOCOL_TCP, length)),
  );
  frame.headLength = path.transportOffset + headerLength;
}

export function sendBareSegment(
  context: TcpContext,
  flow: Flow,
  sequence: number,
  acknowledgment: number,
  flags: number,
  window: number,
): void {
  const { frame } = context.transmitter;
  writeSegmentHead(frame, flow, sequence, acknowledgment, flags, window, TCP_HEADER_BYTES, 0);
  frame.pieceCount = 0;
  context.counters.tcpOut++;
  if ((flags & RST) !== 0) context.counters.tcpResetsOut++;
  context.transmitter.sendOrQueue();
}

/** The answer to a segment for which there is no connection (RFC 9293 3.10.7.1). */
export function sendResetFor(context: TcpContext, flow: Flow, segment: Segment): void {
  if ((segment.flags & RST) !== 0) return;
  if ((segment.flags & ACK) !== 0) {
    sendBareSegment(context, flow, segment.acknowledgment, 0, RST, 0);
    return;
  }
  const syn = (segment.flags & SYN) !== 0 ? 1 : 0;
  const fin = (segment.flags & FIN) !== 0 ? 1 : 0;
  const end = (segment.sequence + segment.payloadLength + syn + fin) | 0;
  sendBareSegment(context, flow, 0, end, RST | ACK, 0);
}
