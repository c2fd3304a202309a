/**
 * IPv4 packets in: checks of the header, in the order of RFC 1122 3.2.1.
 *
 * The stack answers for every address, so a destination is never wrong, only
 * not a single host. Options are skipped (a source route is not followed: there
 * is nowhere to route to). A packet's time to live does not matter to where it
 * ends (RFC 1122 3.2.1.7).
 */
import type { Counters } from '../../counters.ts';
import {
  IPV4_ADDRESS_BYTES,
  IPV4_HEADER_BYTES,
  IPV4_PROTOCOL,
  IPV4_SOURCE,
  ipv4FragmentOffset,
  ipv4HeaderChecksum,
  ipv4HeaderLength,
  ipv4Identification,
  ipv4MoreFragments,
  ipv4Protocol,
  ipv4TotalLength,
} from '../../wire/ipv4.ts';
import { isUnicastDestination, isUnicastSource } from '../address.ts';
import type { InboundPacket } from '../packet/packet.ts';
import { FRAGMENT_WHOLE, type FragmentReassembler } from './fragments.ts';

/** @returns true when the packet holds a whole datagram for its transport */
export function parseIpv4(
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
  const addresses = ipOffset + IPV4_SOURCE;
  if (!isUnicastSource(4, buffer, addresses)) {
    counters.ipSourceBad++;
    return false;
  }
  // Groups end at the link; no transport here has a use for them (RFC 9293 MUST-57 forbids TCP's).
  if (!isUnicastDestination(4, buffer, addresses + IPV4_ADDRESS_BYTES)) {
    counters.ipDestinationNotUnicast++;
    return false;
  }
  packet.version = 4;
  packet.addressesOffset = addresses;
  packet.totalLength = totalLength;
  packet.offset = ipOffset + headerLength;
  packet.length = totalLength - headerLength;
  packet.protocol = ipv4Protocol(buffer, ipOffset);
  packet.protocolOffset = ipOffset + IPV4_PROTOCOL;
  const start = ipv4FragmentOffset(buffer, ipOffset);
  const more = ipv4MoreFragments(buffer, ipOffset);
  if (!more && start === 0) return true;
  const identification = ipv4Identification(buffer, ipOffset);
  return fragments.add(packet, headerLength, identification, start, more, nowMs) === FRAGMENT_WHOLE;
}
