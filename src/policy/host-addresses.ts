/**
 * Which addresses lead to the host itself, as its routing tables have it.
 *
 * Its interfaces are not all of them. One that has no carrier is left out of what
 * `os.networkInterfaces` lists, and answers all the same: docker0 without a
 * container, whose address every server on 0.0.0.0 listens at. And a route of
 * type `local` makes a whole range the host's own (ip-route(8)). The kernel tells
 * of both in /proc/net. Where that can't be read, the interfaces have to do.
 *
 * Tables besides main and local are for marked packets (transparent proxies have
 * `local default` there), and say nothing of the sandbox's flows.
 */

import { closeSync, openSync, readSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { type AddressRange, parseAddressRange, textOf } from './address.ts';

export interface HostRange {
  /** The host's, or that by which all of a network are meant. */
  readonly kind: 'own' | 'group';
  readonly range: AddressRange;
}

/** Of a table; a router with all routes of the Internet has more, and its own addresses stand near the start. */
const MAX_TABLE_BYTES = 1 << 20;

export function hostRanges(): HostRange[] {
  const found = [
    ...ofInterfaces(),
    ...ofIpv4Table(readTable('/proc/net/fib_trie')),
    ...ofIpv6Table(readTable('/proc/net/ipv6_route')),
  ];
  const known = new Map<string, HostRange>();
  for (const one of found) known.set(`${one.range.words.join()}/${one.range.prefixLength}`, one);
  return [...known.values()];
}

function readTable(path: string): string {
  let fd: number | undefined;
  try {
    fd = openSync(path, 'r');
    const buffer = Buffer.allocUnsafe(MAX_TABLE_BYTES);
    let length = 0;
    while (length < buffer.length) {
      const bytes = readSync(fd, buffer, length, buffer.length - length, null);
      if (bytes === 0) break;
      length += bytes;
    }
    return buffer.toString('latin1', 0, length);
  } catch {
    return ''; // a host without IPv6, or that hides it
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

function ofInterfaces(): HostRange[] {
  return Object.values(networkInterfaces())
    .flatMap((entries) => entries ?? [])
    .flatMap(({ address }) => rangeOf('own', address.replace(/%.*$/, '')));
}

/**
 * The leaves of a tree, in any number of tables:
 *
 *     Local:
 *         |-- 172.17.0.1
 *            /32 host LOCAL
 *         |-- 172.17.255.255
 *            /32 link BROADCAST
 */
export function ofIpv4Table(text: string): HostRange[] {
  const found: HostRange[] = [];
  let counts = false;
  let address = '';
  for (const line of text.split('\n')) {
    const [, table, leaf, prefix, type] =
      /^(?:(\S.*):|\s+\|-- (\S+)|\s+(\/\d+) \S+ (LOCAL|BROADCAST)\b.*)$/.exec(line) ?? [];
    if (table !== undefined) counts = table === 'Main' || table === 'Local';
    else if (leaf !== undefined) address = leaf;
    else if (counts && prefix !== undefined)
      found.push(...rangeOf(type === 'LOCAL' ? 'own' : 'group', `${address}${prefix}`));
  }
  return found;
}

/** RTF_ANYCAST, RTF_LOCAL (linux/ipv6_route.h). */
const OWN_FLAGS = 0x8010_0000;
const FLAGS_FIELD = 8;

/** A route a line: destination and its prefix length in hex, six fields of other things, flags, interface. */
export function ofIpv6Table(text: string): HostRange[] {
  return text.split('\n').flatMap((line) => {
    const fields = line.trim().split(/\s+/);
    const [address = '', prefixLength = ''] = fields;
    const flags = Number.parseInt(fields[FLAGS_FIELD] ?? '0', 16);
    if (address.length !== 32 || (flags & OWN_FLAGS) === 0) return [];
    const words = [0, 8, 16, 24].map((at) => Number.parseInt(address.slice(at, at + 8), 16) | 0);
    return rangeOf('own', `${textOf(words)}/${Number.parseInt(prefixLength, 16)}`);
  });
}

/** None of a default route: a table of its own is meant, which this one does not name. */
function rangeOf(kind: HostRange['kind'], text: string): HostRange[] {
  const range = parseAddressRange(text);
  if (typeof range === 'string' || 'hostBits' in range || range.prefixLength === 0) return [];
  return [{ kind, range }];
}
