/** The sandbox's interface, as the address plan has it. */

import type { AddressPlan } from '../names/address-plan.ts';
import type { LinkOptions } from '../../sandbox/index.ts';

/** Bytes of an IP packet on kns0: as large as IPv4 allows, less what page alignment likes. */
const MTU = 65_520;

export function linkOptions(plan: AddressPlan, kind: NonNullable<LinkOptions['kind']>): LinkOptions {
  return { ...linkAddress(plan, 0), ipv6: linkAddress(plan, 1), mtu: MTU, kind };
}

/** One family's part of the link: IPv4 is 0, IPv6 is 1. */
function linkAddress(plan: AddressPlan, family: 0 | 1) {
  const { sandbox, prefixLengths, gateway } = plan;
  return { address: sandbox[family], prefixLength: prefixLengths[family], gateway: gateway[family] };
}
