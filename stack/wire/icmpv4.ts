/** ICMP messages (RFC 792), by offset. */
import { getUint16, setInt32, setUint16 } from './bytes.ts';
import { finishChecksum, sumBytes } from './checksum.ts';

export const ICMP_HEADER_BYTES = 8;

export const ICMP_ECHO_REPLY = 0;
export const ICMP_DESTINATION_UNREACHABLE = 3;
export const ICMP_ECHO_REQUEST = 8;
export const ICMP_TIME_EXCEEDED = 11;
export const ICMP_PARAMETER_PROBLEM = 12;

const CHECKSUM = 2;

export function icmpType(buffer: Uint8Array, offset: number): number {
  return buffer[offset];
}

export function icmpCode(buffer: Uint8Array, offset: number): number {
  return buffer[offset + 1];
}

export function icmpIdentifier(buffer: Uint8Array, offset: number): number {
  return getUint16(buffer, offset + 4);
}

export function icmpSequence(buffer: Uint8Array, offset: number): number {
  return getUint16(buffer, offset + 6);
}

/** The message's fixed part, with the checksum over what follows it in `body`. */
export function writeIcmp(
  buffer: Uint8Array,
  offset: number,
  type: number,
  code: number,
  rest: number,
  body: Uint8Array,
): void {
  buffer[offset] = type;
  buffer[offset + 1] = code;
  setUint16(buffer, offset + CHECKSUM, 0);
  setInt32(buffer, offset + 4, rest);
  const headerSum = sumBytes(buffer, offset, ICMP_HEADER_BYTES, 0);
  setUint16(buffer, offset + CHECKSUM, finishChecksum(sumBytes(body, 0, body.length, headerSum)));
}
