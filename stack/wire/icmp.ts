/** Messages of ICMP (RFC 792) and ICMPv6 (RFC 4443), by offset: one layout, two sets of types. */
import { getInt32, getUint16, setInt32, setUint16 } from './bytes.ts';
import { finishChecksum, sumBytes } from './checksum.ts';

export const ICMP_HEADER_BYTES = 8;

export const ICMP_ECHO_REPLY = 0;
export const ICMP_DESTINATION_UNREACHABLE = 3;
export const ICMP_ECHO_REQUEST = 8;
export const ICMP_TIME_EXCEEDED = 11;
export const ICMP_PARAMETER_PROBLEM = 12;

export const ICMPV6_DESTINATION_UNREACHABLE = 1;
export const ICMPV6_PACKET_TOO_BIG = 2;
export const ICMPV6_TIME_EXCEEDED = 3;
export const ICMPV6_PARAMETER_PROBLEM = 4;
export const ICMPV6_ECHO_REQUEST = 128;
export const ICMPV6_ECHO_REPLY = 129;
export const ICMPV6_REDIRECT = 137;

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

/** The second word of the header, whose meaning the type decides. */
export function icmpRest(buffer: Uint8Array, offset: number): number {
  return getInt32(buffer, offset + 4);
}

/**
 * The message's fixed part, with the checksum over what follows it in `body`.
 *
 * @param pseudoSum of the pseudo-header, which ICMPv6 alone has (RFC 4443 2.3); else 0
 */
export function writeIcmp(
  buffer: Uint8Array,
  offset: number,
  type: number,
  code: number,
  rest: number,
  body: Uint8Array,
  pseudoSum: number,
): void {
  buffer[offset] = type;
  buffer[offset + 1] = code;
  setUint16(buffer, offset + CHECKSUM, 0);
  setInt32(buffer, offset + 4, rest);
  const headerSum = sumBytes(buffer, offset, ICMP_HEADER_BYTES, pseudoSum);
  setUint16(buffer, offset + CHECKSUM, finishChecksum(sumBytes(body, 0, body.length, headerSum)));
}
