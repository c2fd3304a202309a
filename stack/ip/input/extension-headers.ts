/**
 * The chain of IPv6 extension headers (RFC 8200 4): walked over, not acted upon.
 *
 * No option and no routing header means anything to a host that stands for all
 * others at once, so each is skipped where its own bits allow that, and refused
 * as they say where not. A walk stops at a fragment header, at the transport's,
 * and at what is no header known here, which the caller tells apart.
 */
import { PROTOCOL_ICMPV6, PROTOCOL_TCP, PROTOCOL_UDP } from '../../wire/ipv4.ts';
import {
  EXTENSION_UNIT_BYTES,
  extensionLength,
  extensionNextHeader,
  FRAGMENT_HEADER_BYTES,
  HEADER_DESTINATION_OPTIONS,
  HEADER_FRAGMENT,
  HEADER_HOP_BY_HOP,
  HEADER_ROUTING,
  ipv6FragmentOffset,
  OPTION_PAD_1,
  OPTION_PAD_N,
  ROUTING_TYPE,
  routingSegmentsLeft,
} from '../../wire/ipv6.ts';
import { PROBLEM_FIELD, PROBLEM_NEXT_HEADER, PROBLEM_OPTION } from '../packet/error-reporter.ts';

/** How a walk ended. */
export const CHAIN_TRANSPORT = 0;
export const CHAIN_FRAGMENT = 1;
/** A header reaches past the packet, or there are more than the limit. */
export const CHAIN_BAD = 2;
/** To be dropped silently, as an option of a kind not known here asks for. */
export const CHAIN_DISCARD = 3;
/** To be answered by a parameter problem, of `problemCode` at `problemOffset`. */
export const CHAIN_PROBLEM = 4;

/** One instance serves all walks; its fields speak of the last. */
export class ExtensionWalk {
  /** The header where the walk ended, and the field that names it. */
  header = 0;
  offset = 0;
  namedAt = 0;
  problemCode = 0;
  problemOffset = 0;
  readonly #maxHeaders: number;

  constructor(maxHeaders: number) {
    this.#maxHeaders = maxHeaders;
  }

  /**
   * @param header the first header's number, which stands at `namedAt`
   * @param end of the packet; nothing is read from there on
   * @param first whether the IPv6 header comes right before, where alone hop-by-hop options may be
   */
  walk(
    buffer: Uint8Array,
    header: number,
    namedAt: number,
    offset: number,
    end: number,
    first: boolean,
  ): number {
    this.header = header;
    this.namedAt = namedAt;
    this.offset = offset;
    for (let count = 0; isExtension(this.header); count++) {
      if (this.header === HEADER_HOP_BY_HOP && !(first && count === 0)) {
        return this.#problem(PROBLEM_NEXT_HEADER, this.namedAt);
      }
      if (this.offset + EXTENSION_UNIT_BYTES > end) return CHAIN_BAD;
      if (this.header === HEADER_FRAGMENT) return CHAIN_FRAGMENT;
      const length = extensionLength(buffer, this.offset);
      if (this.offset + length > end || count >= this.#maxHeaders) return CHAIN_BAD;
      const refused =
        this.header === HEADER_ROUTING
          ? this.#checkRouting(buffer)
          : this.#checkOptions(buffer, this.offset + 2, this.offset + length);
      if (refused !== CHAIN_TRANSPORT) return refused;
      this.header = extensionNextHeader(buffer, this.offset);
      this.namedAt = this.offset;
      this.offset += length;
    }
    return CHAIN_TRANSPORT;
  }

  /**
   * Goes past all extension headers without judging them, as far as they are
   * whole: to the transport that an error about the packet would be about.
   */
  skip(buffer: Uint8Array, header: number, offset: number, end: number): void {
    this.header = header;
    this.offset = offset;
    while (isExtension(this.header) && this.offset + EXTENSION_UNIT_BYTES <= end) {
      const isFragment = this.header === HEADER_FRAGMENT;
      // What follows in a later fragment is no header.
      if (isFragment && ipv6FragmentOffset(buffer, this.offset) !== 0) return;
      this.header = extensionNextHeader(buffer, this.offset);
      this.offset += isFragment ? FRAGMENT_HEADER_BYTES : extensionLength(buffer, this.offset);
    }
  }

  /** RFC 8200 4.4, and RFC 5095 for type 0: with segments left it wants to go on, which nobody does here. */
  #checkRouting(buffer: Uint8Array): number {
    if (routingSegmentsLeft(buffer, this.offset) === 0) return CHAIN_TRANSPORT;
    return this.#problem(PROBLEM_FIELD, this.offset + ROUTING_TYPE);
  }

  /** RFC 8200 4.2: the two high bits of an option say what becomes of a packet where it is unknown. */
  #checkOptions(buffer: Uint8Array, from: number, end: number): number {
    let at = from;
    while (at < end) {
      const type = buffer[at];
      if (type === OPTION_PAD_1) {
        at++;
        continue;
      }
      if (at + 2 > end || at + 2 + buffer[at + 1] > end) return CHAIN_BAD;
      // 10 and 11 differ for groups alone, and no packet to a group gets here.
      if (type !== OPTION_PAD_N && type >>> 6 !== 0) {
        return type >>> 6 === 1 ? CHAIN_DISCARD : this.#problem(PROBLEM_OPTION, at);
      }
      at += 2 + buffer[at + 1];
    }
    return CHAIN_TRANSPORT;
  }

  #problem(code: number, offset: number): number {
    this.problemCode = code;
    this.problemOffset = offset;
    return CHAIN_PROBLEM;
  }
}

function isExtension(header: number): boolean {
  return (
    header === HEADER_HOP_BY_HOP ||
    header === HEADER_ROUTING ||
    header === HEADER_FRAGMENT ||
    header === HEADER_DESTINATION_OPTIONS
  );
}

/** The fixed part of a transport's header, which a first fragment must have whole (RFC 7112 3). */
export function leastTransportBytes(protocol: number): number {
  switch (protocol) {
    case PROTOCOL_TCP:
      return 20;
    case PROTOCOL_UDP:
    case PROTOCOL_ICMPV6:
      return 8;
    default:
      return 0;
  }
}
