/** Names that stand for addresses: `7.1.0.10.in-addr.arpa` (RFC 1035, 3.5) and those of ip6.arpa (RFC 3596, 2.5). */

import ipaddr from 'ipaddr.js';

const IPV4_ZONE = '.in-addr.arpa';
const IPV6_ZONE = '.ip6.arpa';
const IPV6_NIBBLES = 32;

/** The address, in the one spelling that it has (RFC 5952); undefined where the name is that of none. */
export function addressOfReverseName(canonicalName: string): string | undefined {
  if (canonicalName.endsWith(IPV4_ZONE)) return ipv4Of(labelsBefore(canonicalName, IPV4_ZONE));
  if (canonicalName.endsWith(IPV6_ZONE)) return ipv6Of(labelsBefore(canonicalName, IPV6_ZONE));
  return undefined;
}

/** From the most significant one on. */
function labelsBefore(name: string, zone: string): string[] {
  return name.slice(0, -zone.length).split('.').toReversed();
}

function ipv4Of(labels: string[]): string | undefined {
  const address = labels.join('.');
  return ipaddr.IPv4.isValidFourPartDecimal(address) ? address : undefined;
}

function ipv6Of(labels: string[]): string | undefined {
  if (labels.length !== IPV6_NIBBLES || !labels.every((label) => /^[0-9a-f]$/.test(label))) return undefined;
  const groups = labels.join('').match(/.{4}/g) ?? [];
  return new ipaddr.IPv6(groups.map((group) => Number.parseInt(group, 16))).toString();
}
