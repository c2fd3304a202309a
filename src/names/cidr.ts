/** The ranges that addresses are given from, as the user writes them. */

import ipaddr from 'ipaddr.js';
import { UsageError } from '../errors.ts';

/** A /30 would hold no Service, and beyond /8 nothing is gained. */
const LONGEST_IPV4_PREFIX = 29;
export const SHORTEST_IPV4_PREFIX = 8;
/** Its host part has room for that of the largest IPv4 range, which it repeats. */
const LONGEST_IPV6_PREFIX = 104;
const SHORTEST_IPV6_PREFIX = 8;

/** What an address may be that is given to a Service: nothing that has a meaning of its own on every host. */
const USABLE_IPV4 = new Set(['private', 'unicast', 'carrierGradeNat', 'reserved']);
const USABLE_IPV6 = new Set(['uniqueLocal', 'unicast', 'reserved']);

export interface Ipv4Range {
  /** The network address as a number. */
  readonly network: number;
  readonly prefixLength: number;
}

export interface Ipv6Range {
  /** The network address, eight groups of 16 bits. */
  readonly network: readonly number[];
  readonly prefixLength: number;
}

/** Throws `CIDR_INVALID`. */
export function parseIpv4Range(cidr: string): Ipv4Range {
  const invalid = (why: string) => invalidRange('--cidr', cidr, why, 'an IPv4 range such as 10.0.1.0/24');
  if (!ipaddr.IPv4.isValidCIDR(cidr)) throw invalid('not an IPv4 range');
  const [address, prefixLength] = ipaddr.IPv4.parseCIDR(cidr);
  if (prefixLength > LONGEST_IPV4_PREFIX) throw invalid(`too small, /${LONGEST_IPV4_PREFIX} is the least`);
  if (prefixLength < SHORTEST_IPV4_PREFIX) throw invalid(`too large, /${SHORTEST_IPV4_PREFIX} is the most`);
  const kind = address.range();
  if (!USABLE_IPV4.has(kind)) throw invalid(`a ${kind} range can't be used`);
  const network = ipaddr.IPv4.networkAddressFromCIDR(cidr);
  if (network.toString() !== address.toString())
    throw invalid(`has host bits set, the range is ${network.toString()}/${prefixLength}`);
  return { network: Buffer.from(network.toByteArray()).readUInt32BE(0), prefixLength };
}

/** Throws `CIDR_INVALID`. */
export function parseIpv6Range(cidr: string): Ipv6Range {
  const invalid = (why: string) => invalidRange('--cidr6', cidr, why, 'an IPv6 range such as fd6b:6e73::/64');
  if (!ipaddr.IPv6.isValidCIDR(cidr)) throw invalid('not an IPv6 range');
  const [address, prefixLength] = ipaddr.IPv6.parseCIDR(cidr);
  if (prefixLength > LONGEST_IPV6_PREFIX) throw invalid(`too small, /${LONGEST_IPV6_PREFIX} is the least`);
  if (prefixLength < SHORTEST_IPV6_PREFIX) throw invalid(`too large, /${SHORTEST_IPV6_PREFIX} is the most`);
  const kind = address.range();
  if (!USABLE_IPV6.has(kind)) throw invalid(`a ${kind} range can't be used`);
  const network = ipaddr.IPv6.networkAddressFromCIDR(cidr);
  if (network.toString() !== address.toString())
    throw invalid(`has host bits set, the range is ${network.toString()}/${prefixLength}`);
  return { network: network.parts, prefixLength };
}

function invalidRange(option: string, cidr: string, why: string, example: string): UsageError {
  return new UsageError('CIDR_INVALID', `${option} ${cidr}: ${why}`, `give ${example}`);
}
