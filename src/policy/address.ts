/**
 * Addresses as rules compare them: one form for each, whatever it was spelled as.
 *
 * An IPv4 address has many spellings inside IPv6. One that is mapped
 * (`::ffff:10.0.0.1`, RFC 4291 2.5.5.2) is that IPv4 address to every system
 * call. Others are addresses of their own whose packets end up at an IPv4 host,
 * by a translator or a tunnel: they are compared as both, so that a rule on the
 * IPv4 address holds for them as well.
 */

import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import { remembered } from '../remembered.ts';

export type IpVersion = 4 | 6;

export interface PolicyAddress {
  /** RFC 5952. */
  readonly text: string;
  readonly version: IpVersion;
  /** The bits, in words of 32: one, or four. */
  readonly words: readonly number[];
  /** The IPv4 host that packets to it may end up at. */
  readonly inner: PolicyAddress | undefined;
}

/** @returns undefined where the text is no address; a number (`2130706433`), octal and the like are none */
export const policyAddress = remembered((text: string): PolicyAddress | undefined => {
  if (isIP(text) === 0 || text.includes('%')) return undefined;
  return fromBytes(ipaddr.process(text).toByteArray());
});

function fromBytes(bytes: readonly number[]): PolicyAddress {
  const words = wordsOf(bytes);
  return {
    text: ipaddr.fromByteArray([...bytes]).toString(),
    version: words.length === 1 ? 4 : 6,
    words,
    inner: words.length === 1 ? undefined : innerOf(words),
  };
}

function wordsOf(bytes: readonly number[]): number[] {
  const words: number[] = [];
  for (let at = 0; at < bytes.length; at += 4)
    words.push((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]);
  return words;
}

function fromWord(word: number): PolicyAddress {
  return fromBytes([word >>> 24, (word >>> 16) & 255, (word >>> 8) & 255, word & 255]);
}

const NAT64_PREFIX = 0x0064_ff9b;
const TEREDO_PREFIX = 0x2001_0000;
const SIX_TO_FOUR = 0x2002;
/** As a word, which is signed. */
const TRANSLATED = 0xffff_0000 | 0;
const ISATAP = 0x0000_5efe;
const ISATAP_GLOBAL = 0x0200_5efe;

/**
 * - `64:ff9b::/96` (RFC 6052) and `64:ff9b:1::/48` (RFC 8215), of the latter the form with the address at the end
 * - `2002::/16`, 6to4 (RFC 3056)
 * - `2001::/32`, Teredo (RFC 4380, 4): the client's address, with its bits turned over
 * - an interface identifier of ISATAP (RFC 5214, 6.1)
 * - `::10.0.0.1`, "compatible" (RFC 4291, 2.5.5.1), but for `::` and `::1`
 * - `::ffff:0:10.0.0.1`, "translated" (RFC 2765, 2.1)
 */
function innerOf([first, second, third, fourth]: readonly number[]): PolicyAddress | undefined {
  if (first === NAT64_PREFIX && ((second === 0 && third === 0) || second >>> 16 === 1))
    return fromWord(fourth);
  if (first >>> 16 === SIX_TO_FOUR) return fromWord((first << 16) | (second >>> 16));
  if (first === TEREDO_PREFIX) return fromWord(~fourth);
  if (third === ISATAP || third === ISATAP_GLOBAL) return fromWord(fourth);
  if (first === 0 && second === 0 && third === 0 && fourth >>> 1 !== 0) return fromWord(fourth);
  if (first === 0 && second === 0 && third === TRANSLATED) return fromWord(fourth);
  return undefined;
}

export interface AddressRange {
  readonly version: IpVersion;
  readonly words: readonly number[];
  readonly prefixLength: number;
}

/** The bits of a word that a prefix covers, of which the words before it have taken their part. */
function maskOf(prefixLength: number, word: number): number {
  const bits = Math.min(Math.max(prefixLength - word * 32, 0), 32);
  return bits === 0 ? 0 : -1 << (32 - bits);
}

export function maskedWords(words: readonly number[], prefixLength: number): number[] {
  return words.map((word, i) => word & maskOf(prefixLength, i));
}

export function isWithin(
  { version, words }: Pick<PolicyAddress, 'version' | 'words'>,
  range: AddressRange,
): boolean {
  return (
    version === range.version &&
    words.every((word, i) => ((word ^ range.words[i]) & maskOf(range.prefixLength, i)) === 0)
  );
}

/** Whether the first range lies wholly in the second. */
export function isPartOf(range: AddressRange, whole: AddressRange): boolean {
  return range.prefixLength >= whole.prefixLength && isWithin(range, whole);
}

export type RangeProblem = 'no-address' | 'prefix' | { readonly hostBits: string };

/** A range as it is written, or one address. A range of mapped addresses is the IPv4 range. */
export function parseAddressRange(text: string): AddressRange | RangeProblem {
  const [address = '', prefix, ...more] = text.split('/');
  if (isIP(address) === 0 || address.includes('%') || more.length > 0) return 'no-address';
  const written = ipaddr.parse(address);
  const bits = written.kind() === 'ipv4' ? 32 : 128;
  if (prefix !== undefined && !/^\d{1,3}$/.test(prefix)) return 'prefix';
  const prefixLength = prefix === undefined ? bits : Number(prefix);
  if (prefixLength > bits) return 'prefix';
  const processed = ipaddr.process(address);
  const removed = processed.kind() === written.kind() ? 0 : 96;
  // Shorter than the prefix of mapped addresses: it is about IPv6, of which they are a part in writing alone.
  const own = prefixLength < removed ? written : processed;
  const length = prefixLength < removed ? prefixLength : prefixLength - removed;
  const words = wordsOf(own.toByteArray());
  const network = maskedWords(words, length);
  if (network.some((word, i) => word !== words[i])) return { hostBits: `${textOf(network)}/${length}` };
  return { version: words.length === 1 ? 4 : 6, words, prefixLength: length };
}

/** RFC 5952. */
export function textOf(words: readonly number[]): string {
  const bytes = words.flatMap((word) => [word >>> 24, (word >>> 16) & 255, (word >>> 8) & 255, word & 255]);
  return ipaddr.fromByteArray(bytes).toString();
}
