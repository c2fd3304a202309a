/** One segment of a connection to the device, with what each carries: the window, options, every ACK that is due. */
import { TCP_HEADER_BYTES } from '../../wire/tcp.ts';
import { VIRTIO_NET_HEADER_BYTES, writeVirtioSegmentation } from '../../wire/virtio-net.ts';
import { acknowledgmentSent } from '../receive/delayed-ack.ts';
import { windowField } from '../receive/window.ts';
import type { TcpContext } from '../state/context.ts';
import type { Tcb } from '../state/tcb.ts';
import { writeSegmentHead } from './bare-segment.ts';
import { writeOptions } from './segment-options.ts';
import { segmentSize } from './segment-size.ts';

/** Frames of one connection before the next has its turn. */
export const TURN_FRAMES = 16;

/** Sends a segment whose payload, if any, is gathered in the frame. It carries every ACK that is due. */
export function sendSegment(
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
export function startRetransmitTimer(context: TcpContext, tcb: Tcb): void {
  tcb.retransmitAt = context.clock.nowMs + tcb.rtt.rtoMs;
  context.armTimers(tcb);
}
