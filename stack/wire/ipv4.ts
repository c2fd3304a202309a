/** The IPv4 header (RFC 791 3.1), by offset. */
import { finishChecksum, sumBytes } from './checksum.ts';
import { getUint16, setInt32, setUint16 } from './bytes.ts';

export const IPV4_HEADER_BYTES = 20;
export const IPV4_ADDRESS_BYTES = 4;
/** RFC 791 3.1: what every link carries. */
export const IPV4_MIN_MTU = 68;

export const PROTOCOL_ICMP = 1;
export const PROTOCOL_TCP = 6;
export const PROTOCOL_UDP = 17;
export const PROTOCOL_ICMPV6 = 58;

export const IPV4_DONT_FRAGMENT = 0x4000;
export const IPV4_MORE_FRAGMENTS = 0x2000;

const TRAFFIC_CLASS = 1;
const TOTAL_LENGTH = 2;
const IDENTIFICATION = 4;
const FRAGMENT = 6;
const TIME_TO_LIVE = 8;
export const IPV4_PROTOCOL = 9;
const CHECKSUM = 10;
export const IPV4_SOURCE = 12;

/** Version 4, five words, no special service. */
const FIRST_HALF_WORD = 0x4500;
/** Time to live, and IPv6's hop limit (RFC 1700). */
export const DEFAULT_HOP_LIMIT = 64;

/** Of either version: the first four bits of a packet. */
export function ipVersion(buffer: Uint8Array, offset: number): number {
  return buffer[offset] >>> 4;
}

export function ipv4HeaderLength(buffer: Uint8Array, offset: number): number {
  return (buffer[offset] & 0x0f) << 2;
}

export function ipv4TotalLength(buffer: Uint8Array, offset: number): number {
  return getUint16(buffer, offset + TOTAL_LENGTH);
}

export function ipv4Identification(buffer: Uint8Array, offset: number): number {
  return getUint16(buffer, offset + IDENTIFICATION);
}

export function ipv4MoreFragments(buffer: Uint8Array, offset: number): boolean {
  return (getUint16(buffer, offset + FRAGMENT) & IPV4_MORE_FRAGMENTS) !== 0;
}

/** In bytes. */
export function ipv4FragmentOffset(buffer: Uint8Array, offset: number): number {
  return (getUint16(buffer, offset + FRAGMENT) & 0x1fff) << 3;
}

export function ipv4Protocol(buffer: Uint8Array, offset: number): number {
  return buffer[offset + IPV4_PROTOCOL];
}

/** 0 where the header's checksum is right. */
export function ipv4HeaderChecksum(buffer: Uint8Array, offset: number, headerLength: number): number {
  return finishChecksum(sumBytes(buffer, offset, headerLength, 0));
}

/**
 * A header without options. `fragment` is the flags and the offset in units of
 * eight bytes.
 *
 * @param addresses source and destination, int32 each
 * @param addressSum their sum for checksums
 */
export function writeIpv4(
  buffer: Uint8Array,
  offset: number,
  totalLength: number,
  identification: number,
  fragment: number,
  protocol: number,
  addresses: readonly number[],
  addressSum: number,
): void {
  const lifeAndProtocol = (DEFAULT_HOP_LIMIT << 8) | protocol;
  setUint16(buffer, offset, FIRST_HALF_WORD);
  setUint16(buffer, offset + TOTAL_LENGTH, totalLength);
  setUint16(buffer, offset + IDENTIFICATION, identification);
  setUint16(buffer, offset + FRAGMENT, fragment);
  setUint16(buffer, offset + TIME_TO_LIVE, lifeAndProtocol);
  const sum = FIRST_HALF_WORD + totalLength + identification + fragment + lifeAndProtocol + addressSum;
  setUint16(buffer, offset + CHECKSUM, finishChecksum(sum));
  setInt32(buffer, offset + IPV4_SOURCE, addresses[0]);
  setInt32(buffer, offset + IPV4_SOURCE + IPV4_ADDRESS_BYTES, addresses[1]);
}

/** Gives a header that was written another service and life than the usual ones. */
export function markIpv4(buffer: Uint8Array, offset: number, trafficClass: number, timeToLive: number): void {
  buffer[offset + TRAFFIC_CLASS] = trafficClass;
  buffer[offset + TIME_TO_LIVE] = timeToLive;
  setUint16(buffer, offset + CHECKSUM, 0);
  setUint16(buffer, offset + CHECKSUM, ipv4HeaderChecksum(buffer, offset, IPV4_HEADER_BYTES));
}

/** Makes the whole of a datagram out of its first fragment's header. */
export function rewriteIpv4Unfragmented(
  buffer: Uint8Array,
  offset: number,
  headerLength: number,
  totalLength: number,
): void {
  setUint16(buffer, offset + TOTAL_LENGTH, totalLength);
  setUint16(buffer, offset + FRAGMENT, 0);
  setUint16(buffer, offset + CHECKSUM, 0);
  setUint16(buffer, offset + CHECKSUM, ipv4HeaderChecksum(buffer, offset, headerLength));
}
