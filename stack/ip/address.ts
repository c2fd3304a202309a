/**
 * IP addresses: int32 words inside the stack, one of them or four, and text at
 * its edge. Of IPv6 the text is that of RFC 5952, so that one address has one
 * spelling and may be compared as a string.
 */
import { getInt32 } from '../wire/bytes.ts';
import { IPV4_ADDRESS_BYTES } from '../wire/ipv4.ts';
import { IPV6_ADDRESS_BYTES } from '../wire/ipv6.ts';

export type IpVersion = 4 | 6;

const GROUPS = 8;

export function addressBytes(version: IpVersion): number {
  return version === 4 ? IPV4_ADDRESS_BYTES : IPV6_ADDRESS_BYTES;
}

export function addressWords(version: IpVersion): number {
  return addressBytes(version) / 4;
}

/** @param at where the address starts among the words */
export function formatAddress(version: IpVersion, words: readonly number[], at: number): string {
  return version === 4 ? formatIpv4(words[at]) : formatIpv6(words, at);
}

/**
 * @returns one word or four
 * @throws RangeError where the text is no address: an address is never a guess
 */
export function parseAddress(text: string): number[] {
  const groups = text.includes(':') ? parseIpv6(text) : parseIpv4(text);
  if (groups === null) throw new RangeError(`not an IP address: ${text}`);
  const words: number[] = [];
  for (let i = 0; i < groups.length; i += 2) words.push((groups[i] << 16) | groups[i + 1]);
  return words;
}

function formatIpv4(word: number): string {
  return `${word >>> 24}.${(word >>> 16) & 255}.${(word >>> 8) & 255}.${word & 255}`;
}

/** @returns two groups of 16 bits */
function parseIpv4(text: string): number[] | null {
  const parts = text.split('.');
  if (parts.length !== IPV4_ADDRESS_BYTES) return null;
  for (const part of parts) if (!/^\d{1,3}$/.test(part) || Number(part) > 255) return null;
  const [a, b, c, d] = parts.map(Number);
  return [(a << 8) | b, (c << 8) | d];
}

/** RFC 5952 4: lower case, no leading zeros, `::` for the first of the longest runs of two or more zeros. */
function formatIpv6(words: readonly number[], at: number): string {
  // RFC 5952 5: an IPv4 address in a well-known prefix is written as one.
  if (words[at] === 0 && words[at + 1] === 0 && words[at + 2] === 0xffff) {
    return `::ffff:${formatIpv4(words[at + 3])}`;
  }
  const groups: number[] = [];
  for (let i = at; i < at + GROUPS / 2; i++) groups.push(words[i] >>> 16, words[i] & 0xffff);
  let bestStart = -1;
  let bestLength = 1;
  let runLength = 0;
  for (let i = 0; i < GROUPS; i++) {
    runLength = groups[i] === 0 ? runLength + 1 : 0;
    if (runLength > bestLength) {
      bestLength = runLength;
      bestStart = i + 1 - runLength;
    }
  }
  if (bestStart < 0) return joinGroups(groups);
  return `${joinGroups(groups.slice(0, bestStart))}::${joinGroups(groups.slice(bestStart + bestLength))}`;
}

function joinGroups(groups: readonly number[]): string {
  return groups.map((group) => group.toString(16)).join(':');
}

/** The forms of RFC 4291 2.2; no zone (RFC 4007), which would name a link: there is one. */
function parseIpv6(text: string): number[] | null {
  const halves = text.split('::');
  if (halves.length > 2) return null;
  const head = parseGroups(halves[0], halves.length === 1);
  const tail = halves.length === 2 ? parseGroups(halves[1], true) : [];
  if (head === null || tail === null) return null;
  const missing = GROUPS - head.length - tail.length;
  // `::` stands for one group at least, and without it none may be missing.
  if (halves.length === 2 ? missing < 1 : missing !== 0) return null;
  return [...head, ...Array.from({ length: missing }, () => 0), ...tail];
}

/** @param last whether the text ends the address, and so may end with an IPv4 address */
function parseGroups(text: string, last: boolean): number[] | null {
  if (text === '') return [];
  const groups: number[] = [];
  const parts = text.split(':');
  for (const [i, part] of parts.entries()) {
    if (last && i === parts.length - 1 && part.includes('.')) {
      const tail = parseIpv4(part);
      if (tail === null) return null;
      groups.push(...tail);
    } else {
      if (!/^[0-9a-f]{1,4}$/i.test(part)) return null;
      groups.push(Number.parseInt(part, 16));
    }
  }
  return groups;
}

/**
 * Whether a packet may come from there (RFC 1122 3.2.1.3, RFC 4291 2.5 to 2.7):
 * a single host, not "this network" or the unspecified address, the loopback, a
 * group, or everybody.
 */
export function isUnicastSource(version: IpVersion, buffer: Uint8Array, offset: number): boolean {
  const first = buffer[offset];
  if (version === 4) return first !== 0 && first !== 127 && first < 224;
  return isUnicastIpv6(buffer, offset);
}

/** Whether a single host is meant; 224/4 and ff00::/8 are groups, 255.255.255.255 is everybody here. */
export function isUnicastDestination(version: IpVersion, buffer: Uint8Array, offset: number): boolean {
  if (version === 6) return isUnicastIpv6(buffer, offset);
  const address = getInt32(buffer, offset);
  return address >>> 28 !== 0xe && address !== -1 && address !== 0;
}

/** ::, ::1, and ::ffff:0:0/96 never stand in a packet (RFC 4291 2.5.2, 2.5.3, 2.5.5.2). */
function isUnicastIpv6(buffer: Uint8Array, offset: number): boolean {
  if (buffer[offset] === 0xff) return false;
  const highIsZero = getInt32(buffer, offset) === 0 && getInt32(buffer, offset + 4) === 0;
  if (!highIsZero) return true;
  const third = getInt32(buffer, offset + 8);
  return third !== 0xffff && !(third === 0 && getInt32(buffer, offset + 12) >>> 1 === 0);
}
