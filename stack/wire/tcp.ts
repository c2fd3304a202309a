/** The TCP header (RFC 9293 3.1), by offset. */
import { getInt32, getUint16, setInt32, setUint16 } from './bytes.ts';

export const TCP_HEADER_BYTES = 20;
/** Where the checksum is, for a device that finishes it. */
export const TCP_CHECKSUM_OFFSET = 16;

export const FIN = 0x01;
export const SYN = 0x02;
export const RST = 0x04;
export const PSH = 0x08;
export const ACK = 0x10;
export const URG = 0x20;

export const OPTION_END = 0;
export const OPTION_NOP = 1;
export const OPTION_MSS = 2;
export const OPTION_MSS_BYTES = 4;
export const OPTION_WINDOW_SCALE = 3;
export const OPTION_WINDOW_SCALE_BYTES = 3;
export const OPTION_SACK_PERMITTED = 4;
export const OPTION_SACK_PERMITTED_BYTES = 2;
export const OPTION_SACK = 5;
export const OPTION_TIMESTAMPS = 8;
export const OPTION_TIMESTAMPS_BYTES = 10;

/** NOP, NOP, timestamps: how every system lays them out (RFC 7323 appendix A), as one word. */
export const ALIGNED_TIMESTAMPS = 0x0101080a;
export const ALIGNED_TIMESTAMPS_BYTES = 12;
export const SACK_BLOCK_BYTES = 8;

const SEQUENCE = 4;
const ACKNOWLEDGMENT = 8;
const DATA_OFFSET = 12;
const FLAGS = 13;
const WINDOW = 14;
const URGENT = 18;

/** Ports come first in TCP and UDP alike. */
export function sourcePort(buffer: Uint8Array, offset: number): number {
  return getUint16(buffer, offset);
}

export function destinationPort(buffer: Uint8Array, offset: number): number {
  return getUint16(buffer, offset + 2);
}

export function tcpSequence(buffer: Uint8Array, offset: number): number {
  return getInt32(buffer, offset + SEQUENCE);
}

export function tcpAcknowledgment(buffer: Uint8Array, offset: number): number {
  return getInt32(buffer, offset + ACKNOWLEDGMENT);
}

export function tcpHeaderLength(buffer: Uint8Array, offset: number): number {
  return (buffer[offset + DATA_OFFSET] >>> 4) << 2;
}

export function tcpFlags(buffer: Uint8Array, offset: number): number {
  return buffer[offset + FLAGS];
}

export function tcpWindow(buffer: Uint8Array, offset: number): number {
  return getUint16(buffer, offset + WINDOW);
}

export function tcpUrgentPointer(buffer: Uint8Array, offset: number): number {
  return getUint16(buffer, offset + URGENT);
}

export function writeTcp(
  buffer: Uint8Array,
  offset: number,
  source: number,
  destination: number,
  sequence: number,
  acknowledgment: number,
  headerLength: number,
  flags: number,
  window: number,
  checksum: number,
): void {
  setUint16(buffer, offset, source);
  setUint16(buffer, offset + 2, destination);
  setInt32(buffer, offset + SEQUENCE, sequence);
  setInt32(buffer, offset + ACKNOWLEDGMENT, acknowledgment);
  buffer[offset + DATA_OFFSET] = headerLength << 2;
  buffer[offset + FLAGS] = flags;
  setUint16(buffer, offset + WINDOW, window);
  setUint16(buffer, offset + TCP_CHECKSUM_OFFSET, checksum);
  setUint16(buffer, offset + URGENT, 0);
}

export function writeMssOption(buffer: Uint8Array, offset: number, mss: number): void {
  buffer[offset] = OPTION_MSS;
  buffer[offset + 1] = OPTION_MSS_BYTES;
  setUint16(buffer, offset + 2, mss);
}

/** With a NOP in front, which fills four bytes. */
export function writeWindowScaleOption(buffer: Uint8Array, offset: number, shift: number): void {
  buffer[offset] = OPTION_NOP;
  buffer[offset + 1] = OPTION_WINDOW_SCALE;
  buffer[offset + 2] = OPTION_WINDOW_SCALE_BYTES;
  buffer[offset + 3] = shift;
}

/** With two NOPs in front, which fill four bytes. */
export function writeSackPermittedOption(buffer: Uint8Array, offset: number): void {
  buffer[offset] = OPTION_NOP;
  buffer[offset + 1] = OPTION_NOP;
  buffer[offset + 2] = OPTION_SACK_PERMITTED;
  buffer[offset + 3] = OPTION_SACK_PERMITTED_BYTES;
}

/** In ALIGNED_TIMESTAMPS_BYTES. */
export function writeTimestampsOption(
  buffer: Uint8Array,
  offset: number,
  value: number,
  echoReply: number,
): void {
  setInt32(buffer, offset, ALIGNED_TIMESTAMPS);
  setInt32(buffer, offset + 4, value);
  setInt32(buffer, offset + 8, echoReply);
}

/** The head of a SACK option, with two NOPs in front; the blocks' edges follow as pairs of numbers. */
export function writeSackHead(buffer: Uint8Array, offset: number, blocks: number): void {
  buffer[offset] = OPTION_NOP;
  buffer[offset + 1] = OPTION_NOP;
  buffer[offset + 2] = OPTION_SACK;
  buffer[offset + 3] = 2 + blocks * SACK_BLOCK_BYTES;
}
