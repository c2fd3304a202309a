/**
 * Addresses that are closed unless somebody means just them.
 *
 * The sandbox's traffic leaves from the host, and so from inside of what the
 * host's firewall, and the services that trust its own addresses, keep out. Some
 * of these are no rule's to open: there is `--host-port` for the host's loopback,
 * and a group or everybody can't be relayed. The others are opened by an address
 * rule that lies within them. A wider one, a name or `*` does not: whoever has a
 * name may give it any address (DNS rebinding).
 */

import { monotonicMs } from '../monotonic.ts';
import { type AddressRange, isPartOf, isWithin, parseAddressRange, type PolicyAddress } from './address.ts';
import { type HostRange, hostRanges } from './host-addresses.ts';
import type { Subject } from './match.ts';
import type { Rule } from './rule.ts';

type Opener = 'rule' | 'host-port';

export interface Protection {
  /** For messages: what such an address is. */
  readonly label: string;
  readonly range: AddressRange;
  /** How it is reached after all, if at all. */
  readonly openedBy: Opener | undefined;
}

function protection(label: string, openedBy: Opener | undefined, ...ranges: string[]): Protection[] {
  return ranges.map((text) => {
    const range = parseAddressRange(text);
    if (typeof range === 'string' || 'hostBits' in range) throw new RangeError(`not a range: ${text}`);
    return { label, openedBy, range };
  });
}

const fixed = (): readonly Protection[] => [
  ...protection('the loopback', 'host-port', '127.0.0.0/8', '::1'),
  ...protection('no address of a host', undefined, '0.0.0.0/8', '::'),
  ...protection('a group of hosts', undefined, '224.0.0.0/4', '255.255.255.255', 'ff00::/8'),
  // Of the metadata services that have an address elsewhere: Alibaba, Azure, Oracle; Amazon, Google over IPv6.
  ...protection('a metadata service', 'rule', '100.100.100.200', '168.63.129.16', '192.0.0.192'),
  ...protection('a metadata service', 'rule', 'fd00:ec2::254', 'fd20:ce::254'),
  ...protection('link-local, where metadata services are', 'rule', '169.254.0.0/16', 'fe80::/10'),
];

/** How old what is known of the host's addresses may be. */
const REFRESH_INTERVAL_MS = 1_000;

export class Protections {
  readonly #read: () => readonly HostRange[];
  /** Made when the first flow is judged: it would be a good part of a start. */
  #fixed: readonly Protection[] | undefined;
  #all: readonly Protection[] = [];
  #readAgainAt = Number.NEGATIVE_INFINITY;

  constructor(read: () => readonly HostRange[] = hostRanges) {
    this.#read = read;
  }

  /** Of the address, or of the IPv4 host that it leads to. */
  of(address: PolicyAddress): Protection | undefined {
    const all = this.#current();
    return firstWith(address, all) ?? (address.inner && firstWith(address.inner, all));
  }

  #current(): readonly Protection[] {
    const now = monotonicMs();
    if (now >= this.#readAgainAt) {
      this.#readAgainAt = now + REFRESH_INTERVAL_MS;
      this.#fixed ??= fixed();
      this.#all = [...this.#fixed, ...this.#read().map(protectionOf)];
    }
    return this.#all;
  }
}

function firstWith(address: PolicyAddress, protections: readonly Protection[]): Protection | undefined {
  return protections.find(({ range }) => isWithin(address, range));
}

function protectionOf({ kind, range }: HostRange): Protection {
  return kind === 'own'
    ? { label: "the host's own address", openedBy: 'rule', range }
    : { label: 'a group of hosts', openedBy: undefined, range };
}

/** A rule counts for what is protected where it denies it, or is about just that and allows it. */
export function countsFor({ action, target }: Rule, { openedBy, range }: Protection): boolean {
  return (
    action === 'deny' || (openedBy === 'rule' && target.kind === 'range' && isPartOf(target.range, range))
  );
}

/** What opens it, as it is to be written; undefined where nothing does. */
export function remedyOf(
  { protocol, port, address }: Subject,
  { openedBy, range }: Protection,
): string | undefined {
  if (openedBy === 'rule') {
    // It may be the IPv4 address that this one leads to which is protected.
    const { text } = isWithin(address, range) ? address : (address.inner ?? address);
    return `--allow ${text} opens it`;
  }
  if (openedBy === undefined || protocol === 'icmp') return undefined;
  return `--host-port ${port}${protocol === 'udp' ? '/udp' : ''} has that port of the host in the sandbox`;
}
