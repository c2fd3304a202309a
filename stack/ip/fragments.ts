/**
 * Reassembly of IPv4 datagrams (RFC 791 3.2, with the bounds of RFC 815's authors
 * in mind and the strictness of RFC 5722).
 *
 * Each datagram under way has a buffer of its own: 60 bytes of room for the IP
 * header, then the payload, each fragment copied to its place. A set of ranges
 * says what has come. A fragment that repeats what is there is ignored; one that
 * overlaps in part is an attack or a fault, and its whole datagram is dropped.
 *
 * Bounds: `maxFragmentedDatagrams` (the oldest makes room) and
 * `fragmentTimeoutMs`. All of it is dropped silently: the sender's transport
 * repeats what it needs.
 */
import type { Counters } from '../counters.ts';
import type { StackLimits } from '../limits.ts';
import { type AgeEntry, AgeList } from '../storage/age-list.ts';
import { FlowTable } from '../storage/flow-table.ts';
import { RangeSet } from '../storage/range-set.ts';
import { copyBytes } from '../wire/bytes.ts';
import {
  ipv4FragmentOffset,
  ipv4Identification,
  ipv4MoreFragments,
  rewriteIpv4Unfragmented,
} from '../wire/ipv4.ts';
import type { InboundPacket } from './packet.ts';

/** The longest IPv4 header. */
const HEADER_ROOM = 60;
const MAX_DATAGRAM_BYTES = 65_535;
const FIRST_CAPACITY = 4096;
/** Fragments out of order at once; 65535 bytes in fragments of 576 are 118. */
const MAX_RANGES = 128;
/** Source, destination, identification with protocol. */
const KEY_WORDS = 4;

class PartialDatagram implements AgeEntry<PartialDatagram> {
  older: PartialDatagram | null = null;
  younger: PartialDatagram | null = null;
  expiresAt: number;
  readonly key: Int32Array;
  readonly ranges = new RangeSet(MAX_RANGES);
  buffer = new Uint8Array(HEADER_ROOM + FIRST_CAPACITY);
  /** Of the first fragment's header; 0 until that has come. */
  headerLength = 0;
  /** Known once the last fragment has come; -1 before. */
  payloadLength = -1;

  constructor(key: Int32Array, expiresAt: number) {
    this.key = key.slice();
    this.expiresAt = expiresAt;
  }

  /** Whole when a single range covers all from 0 to the end. */
  get complete(): boolean {
    return this.headerLength > 0 && this.payloadLength >= 0 && this.ranges.contains(0, this.payloadLength);
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
  readonly #table: FlowTable<PartialDatagram>;
  readonly #byAge = new AgeList<PartialDatagram>();

  constructor(limits: StackLimits, counters: Counters, seed: number) {
    this.#limits = limits;
    this.#counters = counters;
    this.#table = new FlowTable(KEY_WORDS, seed);
  }

  get earliestMs(): number {
    return this.#byAge.earliestMs;
  }

  /**
   * Takes a fragment.
   *
   * @returns true when its datagram is whole: the packet is that datagram now
   */
  add(packet: InboundPacket, nowMs: number): boolean {
    const counters = this.#counters;
    counters.fragmentsIn++;
    const start = ipv4FragmentOffset(packet.buffer, packet.ipOffset);
    const more = ipv4MoreFragments(packet.buffer, packet.ipOffset);
    const end = start + packet.length;
    const headerLength = packet.offset - packet.ipOffset;
    if (packet.length === 0 || headerLength + end > MAX_DATAGRAM_BYTES || (more && packet.length % 8 !== 0)) {
      counters.fragmentBad++;
      return false;
    }
    const partial = this.#lookUp(packet, nowMs);
    if (partial.ranges.contains(start, end)) {
      counters.fragmentDuplicate++;
      return false;
    }
    if (partial.ranges.overlaps(start, end)) {
      counters.fragmentOverlap++;
      this.#drop(partial);
      return false;
    }
    const beyondEnd = partial.payloadLength >= 0 && (end > partial.payloadLength || !more);
    if (beyondEnd || (!more && this.#reachesPast(partial, end)) || !partial.ranges.insert(start, end)) {
      counters.fragmentBad++;
      this.#drop(partial);
      return false;
    }
    if (!more) partial.payloadLength = end;
    partial.reserve(end);
    copyBytes(packet.buffer, packet.offset, partial.buffer, HEADER_ROOM + start, packet.length);
    if (start === 0) {
      partial.headerLength = headerLength;
      copyBytes(packet.buffer, packet.ipOffset, partial.buffer, HEADER_ROOM - headerLength, headerLength);
    }
    if (!partial.complete) return false;
    this.#drop(partial);
    counters.datagramsReassembled++;
    this.#load(packet, partial);
    return true;
  }

  expire(nowMs: number): void {
    for (;;) {
      const oldest = this.#byAge.oldest;
      if (oldest === null || oldest.expiresAt > nowMs) return;
      this.#counters.fragmentTimeout++;
      this.#drop(oldest);
    }
  }

  #lookUp(packet: InboundPacket, nowMs: number): PartialDatagram {
    const key = this.#table.key;
    key[0] = packet.source;
    key[1] = packet.destination;
    key[2] = ipv4Identification(packet.buffer, packet.ipOffset);
    key[3] = packet.protocol;
    const found = this.#table.find();
    if (found !== null) return found;
    const created = new PartialDatagram(key, nowMs + this.#limits.fragmentTimeoutMs);
    this.#table.set(created);
    this.#byAge.add(created);
    const oldest = this.#byAge.oldest;
    if (this.#byAge.size > this.#limits.maxFragmentedDatagrams && oldest !== null) {
      this.#counters.fragmentEvicted++;
      this.#drop(oldest);
    }
    return created;
  }

  /** Whether bytes have come from beyond what would be the datagram's end. */
  #reachesPast(partial: PartialDatagram, end: number): boolean {
    const count = partial.ranges.count;
    return count > 0 && partial.ranges.end(count - 1) > end;
  }

  #drop(partial: PartialDatagram): void {
    this.#table.key.set(partial.key);
    this.#table.remove();
    this.#byAge.remove(partial);
  }

  #load(packet: InboundPacket, partial: PartialDatagram): void {
    packet.buffer = partial.buffer;
    packet.ipOffset = HEADER_ROOM - partial.headerLength;
    packet.totalLength = partial.headerLength + partial.payloadLength;
    packet.offset = HEADER_ROOM;
    packet.length = partial.payloadLength;
    // Nobody could have vouched for the whole.
    packet.checksumTrusted = false;
    rewriteIpv4Unfragmented(packet.buffer, packet.ipOffset, partial.headerLength, packet.totalLength);
  }
}
