/**
 * IPv6 packets in (RFC 8200): the header, the extension headers in front of the
 * transport, fragments.
 *
 * As with IPv4, every destination that is a single host is ours, and the hop
 * limit does not matter to where a packet ends. A packet to a group is dropped
 * before its options are looked at: nobody here is a member. There are no
 * jumbograms (RFC 2675), so an empty payload is one.
 */
import type { Counters } from '../../counters.ts';
import {
  FRAGMENT_HEADER_BYTES,
  FRAGMENT_OFFSET,
  extensionNextHeader,
  HEADER_NONE,
  IPV6_ADDRESS_BYTES,
  IPV6_HEADER_BYTES,
  IPV6_NEXT_HEADER,
  IPV6_PAYLOAD_LENGTH,
  IPV6_SOURCE,
  ipv6FragmentOffset,
  ipv6Identification,
  ipv6MoreFragments,
  ipv6NextHeader,
  ipv6PayloadLength,
} from '../../wire/ipv6.ts';
import { isUnicastDestination, isUnicastSource } from '../address.ts';
import { type ErrorReporter, PROBLEM_FIELD, PROBLEM_INCOMPLETE_CHAIN } from '../packet/error-reporter.ts';
import type { InboundPacket } from '../packet/packet.ts';
import {
  CHAIN_BAD,
  CHAIN_DISCARD,
  CHAIN_FRAGMENT,
  CHAIN_PROBLEM,
  CHAIN_TRANSPORT,
  ExtensionWalk,
  leastTransportBytes,
} from './extension-headers.ts';
import {
  FRAGMENT_BAD_LENGTH,
  FRAGMENT_TOO_LONG,
  FRAGMENT_WHOLE,
  type FragmentReassembler,
} from './fragments.ts';

export class Ipv6Input {
  readonly #fragments: FragmentReassembler;
  readonly #errors: ErrorReporter;
  readonly #counters: Counters;
  readonly #walk: ExtensionWalk;
  /** To look ahead in a first fragment. */
  readonly #lookAhead: ExtensionWalk;

  constructor(
    fragments: FragmentReassembler,
    errors: ErrorReporter,
    counters: Counters,
    maxExtensionHeaders: number,
  ) {
    this.#fragments = fragments;
    this.#errors = errors;
    this.#counters = counters;
    this.#walk = new ExtensionWalk(maxExtensionHeaders);
    this.#lookAhead = new ExtensionWalk(maxExtensionHeaders);
  }

  /** @returns true when the packet holds a whole datagram for its transport */
  parse(packet: InboundPacket, available: number, nowMs: number): boolean {
    const counters = this.#counters;
    const { buffer, ipOffset } = packet;
    if (available < IPV6_HEADER_BYTES) {
      counters.frameTooShort++;
      return false;
    }
    const totalLength = IPV6_HEADER_BYTES + ipv6PayloadLength(buffer, ipOffset);
    // From here on, all of totalLength may be read.
    if (totalLength > available) {
      counters.ipHeaderBad++;
      return false;
    }
    const addresses = ipOffset + IPV6_SOURCE;
    if (!isUnicastSource(6, buffer, addresses)) {
      counters.ipSourceBad++;
      return false;
    }
    if (!isUnicastDestination(6, buffer, addresses + IPV6_ADDRESS_BYTES)) {
      counters.ipDestinationNotUnicast++;
      return false;
    }
    packet.version = 6;
    packet.totalLength = totalLength;
    return this.#parseHeaders(packet, nowMs, false);
  }

  /** @param reassembled the packet was put together from fragments, and so holds none */
  #parseHeaders(packet: InboundPacket, nowMs: number, reassembled: boolean): boolean {
    const { buffer, ipOffset } = packet;
    packet.addressesOffset = ipOffset + IPV6_SOURCE;
    const end = ipOffset + packet.totalLength;
    const header = ipv6NextHeader(buffer, ipOffset);
    const ended = this.#walk.walk(
      buffer,
      header,
      ipOffset + IPV6_NEXT_HEADER,
      ipOffset + IPV6_HEADER_BYTES,
      end,
      true,
    );
    return this.#walked(packet, ended, end, nowMs, reassembled);
  }

  #walked(packet: InboundPacket, ended: number, end: number, nowMs: number, reassembled: boolean): boolean {
    const counters = this.#counters;
    const walk = this.#walk;
    packet.protocol = walk.header;
    packet.protocolOffset = walk.namedAt;
    packet.offset = walk.offset;
    packet.length = end - walk.offset;
    switch (ended) {
      case CHAIN_TRANSPORT:
        if (walk.header !== HEADER_NONE) return true;
        counters.ipNoNextHeader++;
        return false;
      case CHAIN_FRAGMENT:
        if (!reassembled) return this.#fragment(packet, walk.offset, end, nowMs);
        counters.fragmentBad++;
        return false;
      case CHAIN_PROBLEM:
        counters.ipHeaderRefused++;
        this.#problem(packet, walk.problemCode, walk.problemOffset - packet.ipOffset);
        return false;
      case CHAIN_DISCARD:
        counters.ipHeaderRefused++;
        return false;
      default:
        counters.ipHeaderBad++;
        return false;
    }
  }

  #fragment(packet: InboundPacket, at: number, end: number, nowMs: number): boolean {
    const { buffer } = packet;
    const start = ipv6FragmentOffset(buffer, at);
    const more = ipv6MoreFragments(buffer, at);
    const data = at + FRAGMENT_HEADER_BYTES;
    const header = extensionNextHeader(buffer, at);
    if (start === 0 && !more) {
      // RFC 6946: an atomic fragment is a packet, whatever else is under reassembly.
      return this.#walked(packet, this.#walk.walk(buffer, header, at, data, end, false), end, nowMs, true);
    }
    if (start === 0 && more && !this.#holdsAllHeaders(buffer, header, at, end)) {
      this.#counters.fragmentBad++;
      this.#problem(packet, PROBLEM_INCOMPLETE_CHAIN, 0);
      return false;
    }
    packet.offset = data;
    packet.length = end - data;
    packet.protocol = header;
    const identification = ipv6Identification(buffer, at);
    const headerLength = at - packet.ipOffset;
    switch (this.#fragments.add(packet, headerLength, identification, start, more, nowMs)) {
      case FRAGMENT_WHOLE:
        return this.#parseHeaders(packet, nowMs, true);
      case FRAGMENT_BAD_LENGTH:
        this.#problem(packet, PROBLEM_FIELD, IPV6_PAYLOAD_LENGTH);
        return false;
      case FRAGMENT_TOO_LONG:
        this.#problem(packet, PROBLEM_FIELD, headerLength + FRAGMENT_OFFSET);
        return false;
      default:
        return false;
    }
  }

  /** RFC 7112 3: who looks at the first fragment alone must see what it carries. */
  #holdsAllHeaders(buffer: Uint8Array, header: number, at: number, end: number): boolean {
    const walk = this.#lookAhead;
    const ended = walk.walk(buffer, header, at, at + FRAGMENT_HEADER_BYTES, end, false);
    if (ended === CHAIN_BAD) return false;
    return ended !== CHAIN_TRANSPORT || end - walk.offset >= leastTransportBytes(walk.header);
  }

  #problem(packet: InboundPacket, code: number, pointer: number): void {
    const { buffer, ipOffset } = packet;
    const walk = this.#lookAhead;
    const end = ipOffset + packet.totalLength;
    walk.skip(buffer, ipv6NextHeader(buffer, ipOffset), ipOffset + IPV6_HEADER_BYTES, end);
    packet.protocol = walk.header;
    packet.offset = walk.offset;
    this.#errors.parameterProblem(packet.quote(), code, pointer);
  }
}
