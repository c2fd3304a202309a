/**
 * DNS messages as bytes (RFC 1035, 4.1): what a forwarder has to read of them,
 * and the few fields that it changes.
 *
 * A message is not decoded and put together again, so that what this program
 * knows nothing of (record types, EDNS options, DNSSEC) comes through as it is.
 * Each reader proves what it reads, and has undefined for a message that lies
 * about its own lengths.
 */

import ipaddr from 'ipaddr.js';
import { NOERROR, NXDOMAIN } from '../../names/dns/codes.ts';

const HEADER_BYTES = 12;
const QR = 0x80;
const OPCODE = 0x78;
const TC = 0x02;
const RD = 0x01;
const RA = 0x80;
const RCODE = 0x0f;

const TYPE_A = 1;
const TYPE_CNAME = 5;
const TYPE_SOA = 6;
const TYPE_AAAA = 28;
const TYPE_OPT = 41;
const CLASS_IN = 1;

/** Pointers of a compressed name that are followed; each goes back, and a name has 127 labels at most. */
const MAX_POINTERS = 127;
const MAX_NAME_BYTES = 255;

interface Resource {
  readonly section: 'answer' | 'authority' | 'additional';
  readonly owner: number;
  readonly type: number;
  readonly class: number;
  /** Where the TTL is; of OPT it is something else (RFC 6891, 6.1.3). */
  readonly ttlAt: number;
  readonly dataAt: number;
  readonly dataEnd: number;
}

function uint16(message: Uint8Array, at: number): number {
  return (message[at] << 8) | message[at + 1];
}

function uint32(message: Uint8Array, at: number): number {
  return ((uint16(message, at) << 16) | uint16(message, at + 2)) >>> 0;
}

function setUint16(message: Uint8Array, at: number, value: number): void {
  message[at] = value >> 8;
  message[at + 1] = value & 0xff;
}

export function idOf(message: Uint8Array): number {
  return uint16(message, 0);
}

/** A copy with another id. (`slice` of a Buffer would be none.) */
export function withId(message: Uint8Array, id: number): Uint8Array {
  const copy = new Uint8Array(message);
  setUint16(copy, 0, id);
  return copy;
}

export function rcodeOf(message: Uint8Array): number {
  return message[3] & RCODE;
}

export function isTruncated(message: Uint8Array): boolean {
  return (message[2] & TC) !== 0;
}

/** Where a name ends; undefined where it leaves the message. */
function nameEnd(message: Uint8Array, start: number): number | undefined {
  for (let at = start; at < message.length; ) {
    const length = message[at];
    if (length === 0) return at + 1;
    if (length >= 0xc0) return at + 2 <= message.length ? at + 2 : undefined;
    if (length > 63) return undefined;
    at += 1 + length;
  }
  return undefined;
}

/** In lower case, without the final dot; undefined where it can't be read, or can't be told apart as text. */
function nameAt(message: Uint8Array, start: number): string | undefined {
  const labels: string[] = [];
  let at = start;
  let bytes = 0;
  for (let pointers = 0; pointers <= MAX_POINTERS && at < message.length; ) {
    const length = message[at];
    if (length === 0) return labels.join('.');
    if (length >= 0xc0) {
      at = uint16(message, at) & 0x3fff;
      pointers += 1;
      continue;
    }
    bytes += 1 + length;
    if (length > 63 || bytes > MAX_NAME_BYTES || at + 1 + length > message.length) return undefined;
    const label = Buffer.from(message.subarray(at + 1, at + 1 + length)).toString('latin1');
    if (label.includes('.')) return undefined;
    labels.push(label.toLowerCase());
    at += 1 + length;
  }
  return undefined;
}

/** Where the one question of a message ends; undefined where there is not just one. */
export function questionEnd(message: Uint8Array): number | undefined {
  if (message.length < HEADER_BYTES || uint16(message, 4) !== 1) return undefined;
  const end = nameEnd(message, HEADER_BYTES);
  return end === undefined || end + 4 > message.length ? undefined : end + 4;
}

/** All records, in their order; undefined where they are not what the header says. */
function resourcesOf(message: Uint8Array): Resource[] | undefined {
  const start = questionEnd(message);
  if (start === undefined) return undefined;
  const resources: Resource[] = [];
  let at = start;
  for (const [section, countAt] of [
    ['answer', 6],
    ['authority', 8],
    ['additional', 10],
  ] as const) {
    for (let left = uint16(message, countAt); left > 0; left--) {
      const end = nameEnd(message, at);
      if (end === undefined || end + 10 > message.length) return undefined;
      const dataAt = end + 10;
      const dataEnd = dataAt + uint16(message, end + 8);
      if (dataEnd > message.length) return undefined;
      const [type, recordClass] = [uint16(message, end), uint16(message, end + 2)];
      resources.push({ section, owner: at, type, class: recordClass, ttlAt: end + 4, dataAt, dataEnd });
      at = dataEnd;
    }
  }
  return resources;
}

/** Letters in the question count alike in either case (RFC 4343). Lengths of labels are no letters: they end at 63. */
function lower(byte: number): number {
  return byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte;
}

/** By what a query is known: all of it but its id, letters in lower case. */
export function keyOf(query: Uint8Array, end: number): string {
  const copy = Buffer.from(query);
  copy[0] = copy[1] = 0;
  for (let at = HEADER_BYTES; at < end - 4; at++) copy[at] = lower(copy[at]);
  return copy.toString('latin1');
}

/** Whether it can be the answer: the same id, the same question, and whole. */
export function isAnswerTo(query: Uint8Array, answer: Uint8Array): boolean {
  const end = questionEnd(query);
  if (end === undefined || questionEnd(answer) !== end) return false;
  if (idOf(answer) !== idOf(query) || (answer[2] & QR) === 0) return false;
  if (((answer[2] ^ query[2]) & OPCODE) !== 0) return false;
  for (let at = HEADER_BYTES; at < end; at++) if (lower(answer[at]) !== lower(query[at])) return false;
  return isTruncated(answer) || resourcesOf(answer) !== undefined;
}

/** The answer to a query of the same question: its id, and its letters as they were written. */
export function answerFor(query: Uint8Array, end: number, answer: Uint8Array): Uint8Array {
  const copy = withId(answer, idOf(query));
  copy.set(query.subarray(HEADER_BYTES, end), HEADER_BYTES);
  return copy;
}

/** A copy, with the seconds that an answer has been kept taken from its TTLs. */
export function aged(answer: Uint8Array, seconds: number): Uint8Array {
  const copy = new Uint8Array(answer);
  for (const { type, ttlAt } of resourcesOf(copy) ?? []) {
    if (type === TYPE_OPT) continue;
    const ttl = Math.max(0, ttlOf(copy, ttlAt) - seconds);
    setUint16(copy, ttlAt, ttl >>> 16);
    setUint16(copy, ttlAt + 2, ttl & 0xffff);
  }
  return copy;
}

/** RFC 2181, 8: one with the top bit set counts as zero. */
function ttlOf(message: Uint8Array, at: number): number {
  const ttl = uint32(message, at);
  return ttl >= 0x8000_0000 ? 0 : ttl;
}

export interface Lifetime {
  readonly seconds: number;
  /** The answer is that there is nothing: no such name, or nothing of the type at it or where its CNAMEs lead. */
  readonly negative: boolean;
}

const NOT_KEPT: Lifetime = { seconds: 0, negative: false };

/**
 * How long an answer may be kept: the least of its TTLs; of a negative one what
 * its SOA says (RFC 2308, 5), and nothing without an SOA.
 */
export function lifetimeOf(answer: Uint8Array): Lifetime {
  const resources = resourcesOf(answer);
  const rcode = rcodeOf(answer);
  if (resources === undefined || isTruncated(answer) || (rcode !== NOERROR && rcode !== NXDOMAIN))
    return NOT_KEPT;
  const negative =
    rcode === NXDOMAIN || !resources.some((one) => one.section === 'answer' && isAsked(answer, one));
  const soa = resources.find(({ section, type }) => section === 'authority' && type === TYPE_SOA);
  if (negative && (soa === undefined || soa.dataEnd - soa.dataAt < 22)) return NOT_KEPT;
  const ttls = resources.filter(({ type }) => type !== TYPE_OPT).map(({ ttlAt }) => ttlOf(answer, ttlAt));
  if (negative && soa !== undefined) ttls.push(ttlOf(answer, soa.dataEnd - 4));
  const seconds = ttls.length === 0 ? 0 : ttls.reduce((least, ttl) => Math.min(least, ttl));
  return { seconds, negative };
}

/** Whether a record is of the type that the question asks for, or that is anything. */
function isAsked(answer: Uint8Array, { type }: Resource): boolean {
  const end = questionEnd(answer) ?? 0;
  const asked = uint16(answer, end - 4);
  return asked === type || asked === 255;
}

/** CNAMEs that are followed (resolvers have 11 to 17), and addresses that are looked at: answers may lie at length. */
const MAX_ALIASES = 16;
const MAX_ADDRESSES = 256;

export interface NamedAddress {
  /** The name that was asked for, and those that it is another word for. */
  readonly names: readonly string[];
  readonly address: string;
  readonly ttlS: number;
}

/** The addresses that an answer gives to its question, with the names on the way to them. */
export function namedAddresses(answer: Uint8Array): NamedAddress[] {
  const asked = nameAt(answer, HEADER_BYTES);
  const resources = resourcesOf(answer)?.filter((one) => one.section === 'answer' && one.class === CLASS_IN);
  if (asked === undefined || resources === undefined) return [];
  const aliases = aliasesOf(answer, resources);
  const names = [asked];
  for (let next = aliases.get(asked); next !== undefined; next = aliases.get(next)) {
    if (names.length > MAX_ALIASES || names.includes(next)) break;
    names.push(next);
  }
  const named: NamedAddress[] = [];
  for (const { type, owner, ttlAt, dataAt, dataEnd } of resources) {
    if (named.length === MAX_ADDRESSES) break;
    const length = dataEnd - dataAt;
    if (!(type === TYPE_A && length === 4) && !(type === TYPE_AAAA && length === 16)) continue;
    if (!names.includes(nameAt(answer, owner) ?? '')) continue;
    const address = ipaddr.fromByteArray([...answer.subarray(dataAt, dataEnd)]).toString();
    named.push({ names, address, ttlS: ttlOf(answer, ttlAt) });
  }
  return named;
}

/** What each name is another word for; a name has one CNAME (RFC 1034, 3.6.2). */
function aliasesOf(answer: Uint8Array, resources: readonly Resource[]): Map<string, string> {
  const aliases = new Map<string, string>();
  for (const { type, owner, dataAt } of resources) {
    if (type !== TYPE_CNAME) continue;
    const [name, target] = [nameAt(answer, owner), nameAt(answer, dataAt)];
    if (name !== undefined && target !== undefined && !aliases.has(name)) aliases.set(name, target);
  }
  return aliases;
}

/** What a client takes over UDP: the size that its EDNS says, or none. */
export function ednsSize(query: Uint8Array): number | undefined {
  const opt = resourcesOf(query)?.find(({ section, type }) => section === 'additional' && type === TYPE_OPT);
  return opt?.class; // RFC 6891, 6.1.2: the class is the size
}

const OPT_BYTES = 11;

/** A message with the question alone, and EDNS where the query has it. */
function bare(query: Uint8Array, end: number, rcode: number, flags: number, ednsBytes: number): Uint8Array {
  const hasEdns = ednsSize(query) !== undefined;
  const message = new Uint8Array(end + (hasEdns ? OPT_BYTES : 0));
  message.set(query.subarray(0, end));
  message[2] = QR | (query[2] & (OPCODE | RD)) | flags;
  message[3] = RA | rcode;
  message.fill(0, 6, HEADER_BYTES);
  if (!hasEdns) return message;
  message[11] = 1;
  setUint16(message, end + 1, TYPE_OPT);
  setUint16(message, end + 3, ednsBytes);
  return message;
}

export function failureFor(query: Uint8Array, end: number, rcode: number, ednsBytes: number): Uint8Array {
  return bare(query, end, rcode, 0, ednsBytes);
}

/** What is said of an answer that does not fit: ask again over TCP (RFC 2181, 9). */
export function truncatedFor(
  query: Uint8Array,
  end: number,
  answer: Uint8Array,
  ednsBytes: number,
): Uint8Array {
  return bare(query, end, rcodeOf(answer), TC, ednsBytes);
}
