/** The IPv6 header and its extension headers (RFC 8200 3 and 4), by offset. */
import { getInt32, getUint16, setInt32, setUint16 } from './bytes.ts';
import { DEFAULT_HOP_LIMIT } from './ipv4.ts';

export const IPV6_HEADER_BYTES = 40;
export const IPV6_ADDRESS_BYTES = 16;
/** RFC 8200 5: what every link carries. */
export const IPV6_MIN_MTU = 1280;

// Next header values that are extension headers; transports have IPv4's protocol numbers.
export const HEADER_HOP_BY_HOP = 0;
export const HEADER_ROUTING = 43;
export const HEADER_FRAGMENT = 44;
export const HEADER_NONE = 59;
export const HEADER_DESTINATION_OPTIONS = 60;

export const FRAGMENT_HEADER_BYTES = 8;
/** What every extension header that may be skipped is a multiple of. */
export const EXTENSION_UNIT_BYTES = 8;

export const OPTION_PAD_1 = 0;
export const OPTION_PAD_N = 1;

/** Offsets that ICMPv6 errors point at. */
export const IPV6_PAYLOAD_LENGTH = 4;
export const IPV6_NEXT_HEADER = 6;
export const ROUTING_TYPE = 2;
export const FRAGMENT_OFFSET = 2;

export const IPV6_SOURCE = 8;
const HOP_LIMIT = 7;
const IDENTIFICATION = 4;

/** From behind the fixed header on, extension headers included. */
export function ipv6PayloadLength(buffer: Uint8Array, offset: number): number {
  return getUint16(buffer, offset + IPV6_PAYLOAD_LENGTH);
}

export function ipv6NextHeader(buffer: Uint8Array, offset: number): number {
  return buffer[offset + IPV6_NEXT_HEADER];
}

/** As `markIpv4`. */
export function markIpv6(buffer: Uint8Array, offset: number, trafficClass: number, hopLimit: number): void {
  setUint16(buffer, offset, 0x6000 | (trafficClass << 4));
  buffer[offset + HOP_LIMIT] = hopLimit;
}

/** @param addresses source and destination, four int32 words each */
export function writeIpv6(
  buffer: Uint8Array,
  offset: number,
  payloadLength: number,
  nextHeader: number,
  addresses: readonly number[],
): void {
  setInt32(buffer, offset, 0x6000_0000);
  setUint16(buffer, offset + IPV6_PAYLOAD_LENGTH, payloadLength);
  buffer[offset + IPV6_NEXT_HEADER] = nextHeader;
  buffer[offset + HOP_LIMIT] = DEFAULT_HOP_LIMIT;
  for (let i = 0; i < 8; i++) setInt32(buffer, offset + IPV6_SOURCE + 4 * i, addresses[i]);
}

/** The first byte of every extension header. */
export function extensionNextHeader(buffer: Uint8Array, offset: number): number {
  return buffer[offset];
}

/** In bytes; the fragment header has a fixed length instead. */
export function extensionLength(buffer: Uint8Array, offset: number): number {
  return (buffer[offset + 1] + 1) << 3;
}

export function routingSegmentsLeft(buffer: Uint8Array, offset: number): number {
  return buffer[offset + 3];
}

/** In bytes. */
export function ipv6FragmentOffset(buffer: Uint8Array, offset: number): number {
  return getUint16(buffer, offset + FRAGMENT_OFFSET) & 0xfff8;
}

export function ipv6MoreFragments(buffer: Uint8Array, offset: number): boolean {
  return (buffer[offset + FRAGMENT_OFFSET + 1] & 1) !== 0;
}

export function ipv6Identification(buffer: Uint8Array, offset: number): number {
  return getInt32(buffer, offset + IDENTIFICATION);
}

export function writeFragmentHeader(
  buffer: Uint8Array,
  offset: number,
  nextHeader: number,
  start: number,
  more: boolean,
  identification: number,
): void {
  buffer[offset] = nextHeader;
  buffer[offset + 1] = 0;
  setUint16(buffer, offset + FRAGMENT_OFFSET, start | (more ? 1 : 0));
  setInt32(buffer, offset + IDENTIFICATION, identification);
}

/** Makes the whole of a packet out of what came in front of its first fragment's header. */
export function rewriteIpv6Unfragmented(
  buffer: Uint8Array,
  offset: number,
  totalLength: number,
  namedAt: number,
  nextHeader: number,
): void {
  setUint16(buffer, offset + IPV6_PAYLOAD_LENGTH, totalLength - IPV6_HEADER_BYTES);
  buffer[offset + namedAt] = nextHeader;
}
