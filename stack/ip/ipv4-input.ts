/**
 * IPv4 packets in: checks of the header, in the order of RFC 1122 3.2.1, and
 * what the virtio-net header in front promises.
 *
 * The stack answers for every address, so a destination is never wrong, only
 * not a single host. Options are skipped (a source route is not followed: there
 * is nowhere to route to). A packet's time to live does not matter to where it
 * ends (RFC 1122 3.2.1.7).
 */
import type { Counters } from '../counters.ts';
import {
  IPV4_HEADER_BYTES,
  ipVersion,
  ipv4Destination,
  ipv4FragmentOffset,
  ipv4HeaderChecksum,
  ipv4HeaderLength,
  ipv4MoreFragments,
  ipv4Protocol,
  ipv4Source,
  ipv4TotalLength,
} from '../wire/ipv4.ts';
import {
  FLAG_DATA_VALID,
  FLAG_NEEDS_CHECKSUM,
  GSO_ECN,
  GSO_NONE,
  GSO_TCPV4,
  VIRTIO_NET_HEADER_BYTES,
  virtioFlags,
  virtioGsoType,
} from '../wire/virtio-net.ts';
import { isUnicastDestination, isUnicastSource } from './address.ts';
import type { FragmentReassembler } from './fragments.ts';
import type { InboundPacket } from './packet.ts';

/** @returns true when the packet holds a whole datagram for its transport */
export function parseFrame(
  packet: InboundPacket,
  buffer: Uint8Array,
  offset: number,
  length: number,
  fragments: FragmentReassembler,
  nowMs: number,
  counters: Counters,
): boolean {
  counters.framesIn++;
  if (length <= VIRTIO_NET_HEADER_BYTES) {
    counters.frameTooShort++;
    return false;
  }
  const gsoType = virtioGsoType(buffer, offset) & ~GSO_ECN;
  if (gsoType !== GSO_NONE && gsoType !== GSO_TCPV4) {
    counters.offloadUnknown++;
    return false;
  }
  packet.checksumTrusted = (virtioFlags(buffer, offset) & (FLAG_NEEDS_CHECKSUM | FLAG_DATA_VALID)) !== 0;
  packet.buffer = buffer;
  packet.ipOffset = offset + VIRTIO_NET_HEADER_BYTES;
  const available = length - VIRTIO_NET_HEADER_BYTES;
  switch (ipVersion(buffer, packet.ipOffset)) {
    case 4:
      return parseIpv4Packet(packet, available, fragments, nowMs, counters);
    case 6:
      counters.ipv6Dropped++;
      return false;
    default:
      counters.ipVersionUnknown++;
      return false;
  }
}

function parseIpv4Packet(
  packet: InboundPacket,
  available: number,
  fragments: FragmentReassembler,
  nowMs: number,
  counters: Counters,
): boolean {
  const { buffer, ipOffset } = packet;
  if (available < IPV4_HEADER_BYTES) {
    counters.frameTooShort++;
    return false;
  }
  const headerLength = ipv4HeaderLength(buffer, ipOffset);
  const totalLength = ipv4TotalLength(buffer, ipOffset);
  // From here on, all of the header and all of totalLength may be read.
  if (headerLength < IPV4_HEADER_BYTES || totalLength < headerLength || totalLength > available) {
    counters.ipHeaderBad++;
    return false;
  }
  if (ipv4HeaderChecksum(buffer, ipOffset, headerLength) !== 0) {
    counters.ipChecksumBad++;
    return false;
  }
  packet.source = ipv4Source(buffer, ipOffset);
  packet.destination = ipv4Destination(buffer, ipOffset);
  if (!isUnicastSource(packet.source)) {
    counters.ipSourceBad++;
    return false;
  }
  // Groups end at the link; no transport here has a use for them (RFC 9293 MUST-57 forbids TCP's).
  if (!isUnicastDestination(packet.destination)) {
    counters.ipDestinationNotUnicast++;
    return false;
  }
  packet.totalLength = totalLength;
  packet.offset = ipOffset + headerLength;
  packet.length = totalLength - headerLength;
  packet.protocol = ipv4Protocol(buffer, ipOffset);
  if (ipv4MoreFragments(buffer, ipOffset) || ipv4FragmentOffset(buffer, ipOffset) !== 0) {
    return fragments.add(packet, nowMs);
  }
  return true;
}
