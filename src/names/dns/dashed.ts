/** Addresses spelled as one label: `10-244-0-5`, `fd00--5`, as cluster DNS names pods that have no name of their own. */

import ipaddr from 'ipaddr.js';

export function toDashed(address: string): string {
  return address.replaceAll(/[.:]/g, '-');
}

/** @returns the address, in the one spelling that it has (RFC 5952); undefined where the label spells none */
export function addressOfDashed(label: string): string | undefined {
  const ipv4 = label.replaceAll('-', '.');
  if (ipaddr.IPv4.isValidFourPartDecimal(ipv4)) return ipv4;
  const ipv6 = label.replaceAll('-', ':');
  return label.includes('-') && ipaddr.IPv6.isValid(ipv6) ? ipaddr.IPv6.parse(ipv6).toString() : undefined;
}
