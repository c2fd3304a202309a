/**
 * Segments without payload or options that belong to no connection, or no
 * longer to one: resets, and the ACKs of TIME-WAIT.
 */
import { TRANSPORT_OFFSET } from '../ip/datagram-sender.ts';
import { Flow } from '../ip/flow.ts';
import type { InboundPacket } from '../ip/packet.ts';
import type { OutgoingFrame } from '../device.ts';
import { foldSum, pseudoHeaderSum } from '../wire/checksum.ts';
import { IPV4_DONT_FRAGMENT, IPV4_HEADER_BYTES, PROTOCOL_TCP, writeIpv4 } from '../wire/ipv4.ts';
import {
  ACK,
  destinationPort,
  FIN,
  RST,
  sourcePort,
  SYN,
  TCP_CHECKSUM_OFFSET,
  TCP_HEADER_BYTES,
  writeTcp,
} from '../wire/tcp.ts';
import { VIRTIO_NET_HEADER_BYTES, writeVirtioChecksum } from '../wire/virtio-net.ts';
import type { TcpContext } from './context.ts';
import type { Segment } from './segment.ts';

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
  const length = headerLength + payloadLength;
  writeVirtioChecksum(head, 0, IPV4_HEADER_BYTES, TCP_CHECKSUM_OFFSET);
  writeIpv4(
    head,
    VIRTIO_NET_HEADER_BYTES,
    IPV4_HEADER_BYTES + length,
    0,
    IPV4_DONT_FRAGMENT,
    PROTOCOL_TCP,
    flow.local,
    flow.remote,
  );
  writeTcp(
    head,
    TRANSPORT_OFFSET,
    flow.localPort,
    flow.remotePort,
    sequence,
    acknowledgment,
    headerLength,
    flags,
    window,
    foldSum(pseudoHeaderSum(flow.local, flow.remote, PROTOCOL_TCP, length)),
  );
  frame.headLength = TRANSPORT_OFFSET + headerLength;
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

/** The flow of a packet that came in. */
export function flowOf(packet: InboundPacket): Flow {
  const { buffer, offset } = packet;
  return new Flow(
    packet.destination,
    packet.source,
    destinationPort(buffer, offset),
    sourcePort(buffer, offset),
  );
}
