/**
 * Reassembly of IPv4 datagrams (RFC 791 3.2) and IPv6 packets (RFC 8200 4.5),
 * overlaps refused (RFC 5722).
 *
 * Each datagram under way has a buffer of its own: room for the headers in front,
 * then the payload, each fragment copied to its place. A set of ranges says what
 * has come. A fragment that repeats what is there is ignored; one that overlaps
 * in part is an attack or a fault, and its datagram is given up, fragments that
 * are still to come included: the entry stays, empty, until its time is over.
 *
 * Bounds: `maxFragmentedDatagrams` and `maxFragmentBytes` (the oldest makes room),
 * `fragmentTimeoutMs`.
 * A datagram whose time is over is answered by ICMP time exceeded, if its first
 * fragment has come (RFC 792, RFC 8200 4.5).
 */
import type { Counters } from '../../counters.ts';
import type { StackLimits } from '../../limits.ts';
import { type AgeEntry, AgeList } from '../../storage/age-list.ts';
import { FlowTable } from '../../storage/flow-table.ts';
import { RangeSet } from '../../storage/range-set.ts';
import { copyBytes, getInt32 } from '../../wire/bytes.ts';
import { IPV4_SOURCE, rewriteIpv4Unfragmented } from '../../wire/ipv4.ts';
import { IPV6_HEADER_BYTES, IPV6_SOURCE, rewriteIpv6Unfragmented } from '../../wire/ipv6.ts';
import type { IpVersion } from '../address.ts';
import type { ErrorReporter } from '../packet/error-reporter.ts';
import type { InboundPacket, PacketQuote } from '../packet/packet.ts';

/** The longest IPv4 header, or IPv6 with as many extension headers in front of a fragment's as anybody sends. */
const HEADER_ROOM = 128;
const MAX_DATAGRAM_BYTES = 65_535;
const FIRST_CAPACITY = 4096;
/** Fragments out of order at once; 65535 bytes in fragments of 576 are 118. */
const MAX_RANGES = 128;
/** Source, destination, identification with protocol. */
const IPV4_KEY_WORDS = 4;
/** Source, destination, identification. */
const IPV6_KEY_WORDS = 9;

/** What became of a fragment. */
export const FRAGMENT_WHOLE = 0;
export const FRAGMENT_KEPT = 1;
export const FRAGMENT_DROPPED = 2;
/** Not the last, and no multiple of eight bytes. */
export const FRAGMENT_BAD_LENGTH = 3;
/** It would make a datagram longer than any can be. */
export const FRAGMENT_TOO_LONG = 4;

class PartialDatagram implements AgeEntry<PartialDatagram> {
  older: PartialDatagram | null = null;
  younger: PartialDatagram | null = null;
  expiresAt: number;
  readonly version: IpVersion;
  readonly key: Int32Array;
  readonly ranges = new RangeSet(MAX_RANGES);
  buffer = new Uint8Array(HEADER_ROOM + FIRST_CAPACITY);
  /** Of the first fragment, what came in front of its data; 0 until that has come. */
  headerLength = 0;
  /** Where those headers name the data's protocol, and what that is. */
  protocolAt = 0;
  protocol = 0;
  /** Of the first fragment. */
  quote: PacketQuote | null = null;
  /** Known once the last fragment has come; -1 before. */
  payloadLength = -1;
  /** Fragments overlapped: whatever else comes is dropped. */
  refused = false;

  constructor(version: IpVersion, key: Int32Array, expiresAt: number) {
    this.version = version;
    this.key = key.slice();
    this.expiresAt = expiresAt;
  }

  /** Whole when a single range covers all from 0 to the end. */
  get complete(): boolean {
    return this.headerLength > 0 && this.payloadLength >= 0 && this.ranges.contains(0, this.payloadLength);
  }

  refuse(): void {
    this.refused = true;
    this.quote = null;
    this.buffer = new Uint8Array(0);
  }

  reserve(payloadBytes: number): void {
    const needed = HEADER_ROOM + payloadBytes;
    if (needed <= this.buffer.length) return;
    const grown = new Uint8Array(Math.min(HEADER_ROOM + MAX_DATAGRAM_BYTES, needed * 2));
    grown.set(this.buffer);
    this.buffer = grown;
  }
}

export class FragmentReassembler {
  readonly #limits: StackLimits;
  readonly #counters: Counters;
  readonly #errors: ErrorReporter;
  readonly #ipv4: FlowTable<PartialDatagram>;
  readonly #ipv6: FlowTable<PartialDatagram>;
  readonly #byAge = new AgeList<PartialDatagram>();
  #heldBytes = 0;

  constructor(limits: StackLimits, counters: Counters, errors: ErrorReporter, seed: number) {
    this.#limits = limits;
    this.#counters = counters;
    this.#errors = errors;
    this.#ipv4 = new FlowTable(IPV4_KEY_WORDS, seed);
    this.#ipv6 = new FlowTable(IPV6_KEY_WORDS, seed);
  }

  get earliestMs(): number {
    return this.#byAge.earliestMs;
  }

  /**
   * Takes a fragment: the packet's data from `offset` on.
   *
   * @param headerLength of what comes before that in every fragment alike
   * @param start of the data within the datagram, in bytes
   * @returns FRAGMENT_WHOLE when its datagram is whole: the packet is that datagram now
   */
  add(
    packet: InboundPacket,
    headerLength: number,
    identification: number,
    start: number,
    more: boolean,
    nowMs: number,
  ): number {
    const counters = this.#counters;
    counters.fragmentsIn++;
    const end = start + packet.length;
    const refused = lengthProblem(packet, headerLength, end, more);
    if (refused !== FRAGMENT_KEPT) {
      counters.fragmentBad++;
      return refused;
    }
    const partial = this.#lookUp(packet, identification, nowMs);
    if (partial.refused) {
      counters.fragmentOverlap++;
      return FRAGMENT_DROPPED;
    }
    if (partial.ranges.contains(start, end)) {
      counters.fragmentDuplicate++;
      return FRAGMENT_DROPPED;
    }
    if (partial.ranges.overlaps(start, end)) {
      counters.fragmentOverlap++;
      this.#heldBytes -= partial.buffer.length;
      partial.refuse();
      return FRAGMENT_DROPPED;
    }
    const beyondEnd = partial.payloadLength >= 0 && (end > partial.payloadLength || !more);
    if (beyondEnd || (!more && reachesPast(partial, end)) || !partial.ranges.insert(start, end)) {
      counters.fragmentBad++;
      this.#drop(partial);
      return FRAGMENT_DROPPED;
    }
    if (!more) partial.payloadLength = end;
    this.#heldBytes -= partial.buffer.length;
    partial.reserve(end);
    this.#heldBytes += partial.buffer.length;
    copyBytes(packet.buffer, packet.offset, partial.buffer, HEADER_ROOM + start, packet.length);
    if (start === 0) keepHeaders(partial, packet, headerLength);
    if (!partial.complete) {
      this.#makeRoom();
      return FRAGMENT_KEPT;
    }
    this.#drop(partial);
    counters.datagramsReassembled++;
    load(packet, partial);
    return FRAGMENT_WHOLE;
  }

  expire(nowMs: number): void {
    for (;;) {
      const oldest = this.#byAge.oldest;
      if (oldest === null || oldest.expiresAt > nowMs) return;
      this.#counters.fragmentTimeout++;
      this.#drop(oldest);
      if (oldest.quote !== null) this.#errors.reassemblyTimeout(oldest.quote);
    }
  }

  #lookUp(packet: InboundPacket, identification: number, nowMs: number): PartialDatagram {
    const { version, buffer, addressesOffset } = packet;
    const table = this.#table(version);
    const { key } = table;
    const addressWords = key.length - (version === 4 ? 2 : 1);
    for (let i = 0; i < addressWords; i++) key[i] = getInt32(buffer, addressesOffset + 4 * i);
    key[addressWords] = identification;
    if (version === 4) key[addressWords + 1] = packet.protocol;
    const found = table.find();
    if (found !== null) return found;
    const created = new PartialDatagram(version, key, nowMs + this.#limits.fragmentTimeoutMs);
    table.set(created);
    this.#byAge.add(created);
    this.#heldBytes += created.buffer.length;
    this.#makeRoom();
    return created;
  }

  #makeRoom(): void {
    const { maxFragmentedDatagrams, maxFragmentBytes } = this.#limits;
    for (;;) {
      const { oldest, size } = this.#byAge;
      if (oldest === null || size === 1) return;
      if (size <= maxFragmentedDatagrams && this.#heldBytes <= maxFragmentBytes) return;
      this.#counters.fragmentEvicted++;
      this.#drop(oldest);
    }
  }

  #table(version: IpVersion): FlowTable<PartialDatagram> {
    return version === 4 ? this.#ipv4 : this.#ipv6;
  }

  #drop(partial: PartialDatagram): void {
    const table = this.#table(partial.version);
    table.key.set(partial.key);
    table.remove();
    this.#byAge.remove(partial);
    this.#heldBytes -= partial.buffer.length;
  }
}

/** @returns FRAGMENT_KEPT where there is none */
function lengthProblem(packet: InboundPacket, headerLength: number, end: number, more: boolean): number {
  // IPv6's length field does not count the header itself.
  const counted = packet.version === 4 ? headerLength : headerLength - IPV6_HEADER_BYTES;
  if (counted + end > MAX_DATAGRAM_BYTES) return FRAGMENT_TOO_LONG;
  if (more && packet.length % 8 !== 0) return FRAGMENT_BAD_LENGTH;
  return packet.length === 0 || headerLength > HEADER_ROOM ? FRAGMENT_DROPPED : FRAGMENT_KEPT;
}

/** Whether bytes have come from beyond what would be the datagram's end. */
function reachesPast(partial: PartialDatagram, end: number): boolean {
  const count = partial.ranges.count;
  return count > 0 && partial.ranges.end(count - 1) > end;
}

function keepHeaders(partial: PartialDatagram, packet: InboundPacket, headerLength: number): void {
  partial.headerLength = headerLength;
  partial.protocol = packet.protocol;
  partial.protocolAt = packet.protocolOffset - packet.ipOffset;
  partial.quote = packet.quote();
  copyBytes(packet.buffer, packet.ipOffset, partial.buffer, HEADER_ROOM - headerLength, headerLength);
}

function load(packet: InboundPacket, partial: PartialDatagram): void {
  const { buffer, headerLength } = partial;
  const ipOffset = HEADER_ROOM - headerLength;
  packet.buffer = buffer;
  packet.ipOffset = ipOffset;
  packet.totalLength = headerLength + partial.payloadLength;
  packet.offset = HEADER_ROOM;
  packet.length = partial.payloadLength;
  packet.protocol = partial.protocol;
  packet.protocolOffset = ipOffset + partial.protocolAt;
  // Nobody could have vouched for the whole.
  packet.checksumTrusted = false;
  packet.datagramBytes = 0;
  if (partial.version === 4) {
    packet.addressesOffset = ipOffset + IPV4_SOURCE;
    rewriteIpv4Unfragmented(buffer, ipOffset, headerLength, packet.totalLength);
  } else {
    packet.addressesOffset = ipOffset + IPV6_SOURCE;
    rewriteIpv6Unfragmented(buffer, ipOffset, packet.totalLength, partial.protocolAt, partial.protocol);
  }
}
