/** The ranges that addresses are given from, as the user writes them. */

import ipaddr from 'ipaddr.js';
import { UsageError } from '../errors.ts';

/** What a range of one family may be. */
interface Family {
  readonly name: string;
  readonly option: string;
  readonly example: string;
  readonly addresses: typeof ipaddr.IPv4 | typeof ipaddr.IPv6;
  readonly shortestPrefix: number;
  readonly longestPrefix: number;
  /** Kinds of ranges that have no meaning of their own on every host. */
  readonly usable: ReadonlySet<string>;
}

/** A /30 would hold no Service, and beyond /8 nothing is gained. */
export const IPV4: Family = {
  name: 'IPv4',
  option: '--cidr',
  example: '10.0.1.0/24',
  addresses: ipaddr.IPv4,
  shortestPrefix: 8,
  longestPrefix: 29,
  usable: new Set(['private', 'unicast', 'carrierGradeNat', 'reserved']),
};

/** The host part has room for that of the largest IPv4 range, which it repeats. */
export const IPV6: Family = {
  name: 'IPv6',
  option: '--cidr6',
  example: 'fd6b:6e73::/64',
  addresses: ipaddr.IPv6,
  shortestPrefix: 8,
  longestPrefix: 104,
  usable: new Set(['uniqueLocal', 'unicast', 'reserved']),
};

export interface Range {
  /** The bytes of the network address. */
  readonly network: readonly number[];
  readonly prefixLength: number;
}

/** Throws `CIDR_INVALID`. */
export function parseRange(cidr: string, family: Family): Range {
  const { name, option, example, addresses, shortestPrefix, longestPrefix, usable } = family;
  const invalid = (why: string) =>
    new UsageError('CIDR_INVALID', `${option} ${cidr}: ${why}`, `give an ${name} range such as ${example}`);
  if (!addresses.isValidCIDR(cidr)) throw invalid(`not an ${name} range`);
  const [address, prefixLength] = addresses.parseCIDR(cidr);
  if (prefixLength > longestPrefix) throw invalid(`too small, /${longestPrefix} is the least`);
  if (prefixLength < shortestPrefix) throw invalid(`too large, /${shortestPrefix} is the most`);
  const kind = address.range();
  if (!usable.has(kind)) throw invalid(`a ${kind} range can't be used`);
  const network = addresses.networkAddressFromCIDR(cidr);
  if (network.toString() !== address.toString())
    throw invalid(`has host bits set, the range is ${network.toString()}/${prefixLength}`);
  return { network: network.toByteArray(), prefixLength };
}
