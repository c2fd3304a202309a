/**
 * The packet that an ICMP error quotes: one of ours, if the error is genuine,
 * cut off wherever its sender liked.
 */
import type { InboundPacket } from '../ip/packet/packet.ts';
import { ICMP_HEADER_BYTES } from '../wire/icmp.ts';
import {
  IPV4_HEADER_BYTES,
  IPV4_SOURCE,
  ipVersion,
  ipv4FragmentOffset,
  ipv4HeaderLength,
  ipv4Protocol,
} from '../wire/ipv4.ts';
import {
  FRAGMENT_HEADER_BYTES,
  extensionNextHeader,
  HEADER_FRAGMENT,
  IPV6_HEADER_BYTES,
  IPV6_SOURCE,
  ipv6FragmentOffset,
  ipv6NextHeader,
} from '../wire/ipv6.ts';

/** Of the transport: ports, and what TCP counts by (RFC 792). */
const LEAST_TRANSPORT_BYTES = 8;

/**
 * Reads the quote of an error into `quoted`, down to the transport's first eight
 * bytes, which may then be read.
 *
 * @returns false where it quotes too little, another version, or a later fragment
 */
export function parseQuoted(quoted: InboundPacket, error: InboundPacket): boolean {
  const { buffer } = error;
  const at = error.offset + ICMP_HEADER_BYTES;
  const available = error.length - ICMP_HEADER_BYTES;
  const headerBytes = error.version === 4 ? IPV4_HEADER_BYTES : IPV6_HEADER_BYTES;
  if (available < headerBytes || ipVersion(buffer, at) !== error.version) return false;
  quoted.buffer = buffer;
  quoted.version = error.version;
  quoted.ipOffset = at;
  quoted.totalLength = available;
  return (
    (error.version === 4 ? placeIpv4(quoted) : placeIpv6(quoted)) && quoted.length >= LEAST_TRANSPORT_BYTES
  );
}

function placeIpv4(quoted: InboundPacket): boolean {
  const { buffer, ipOffset } = quoted;
  const headerLength = ipv4HeaderLength(buffer, ipOffset);
  quoted.addressesOffset = ipOffset + IPV4_SOURCE;
  quoted.protocol = ipv4Protocol(buffer, ipOffset);
  quoted.offset = ipOffset + headerLength;
  quoted.length = quoted.totalLength - headerLength;
  return headerLength >= IPV4_HEADER_BYTES && ipv4FragmentOffset(buffer, ipOffset) === 0;
}

/** What we send has no extension headers but a fragment's. */
function placeIpv6(quoted: InboundPacket): boolean {
  const { buffer, ipOffset } = quoted;
  quoted.addressesOffset = ipOffset + IPV6_SOURCE;
  quoted.protocol = ipv6NextHeader(buffer, ipOffset);
  quoted.offset = ipOffset + IPV6_HEADER_BYTES;
  quoted.length = quoted.totalLength - IPV6_HEADER_BYTES;
  if (quoted.protocol !== HEADER_FRAGMENT || quoted.length < FRAGMENT_HEADER_BYTES) return true;
  if (ipv6FragmentOffset(buffer, quoted.offset) !== 0) return false;
  quoted.protocol = extensionNextHeader(buffer, quoted.offset);
  quoted.offset += FRAGMENT_HEADER_BYTES;
  quoted.length -= FRAGMENT_HEADER_BYTES;
  return true;
}
