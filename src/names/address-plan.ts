/**
 * Which address each Service has in the sandbox.
 *
 * An address follows from a hash of what it is for, so that it seldom changes
 * from run to run: shell histories, known_hosts and database dumps then keep
 * their meaning. Two keys with the same slot: the later one (in the order
 * asked for) takes the next free slot. An address once given is never given
 * to another key while the plan lives.
 *
 * Of a range, the first address is the gateway (and the DNS server), the
 * second the sandbox; the network and broadcast addresses are left alone.
 */

import { createHash } from 'node:crypto';
import ipaddr from 'ipaddr.js';
import { UsageError } from '../errors.ts';

/** Network, broadcast, gateway and sandbox: what a range holds besides Services. */
const RESERVED = 4;
/** A /30 would hold no Service, and beyond /8 nothing is gained. */
const LONGEST_PREFIX = 29;
const SHORTEST_PREFIX = 8;

export class AddressPlan {
  readonly gateway: string;
  readonly sandbox: string;
  readonly prefixLength: number;
  /** How many Services fit. */
  readonly capacity: number;

  readonly #network: number;
  readonly #range: [ipaddr.IPv4, number];
  readonly #bySlot = new Map<number, string>();
  readonly #byKey = new Map<string, string>();

  /** @param cidr an IPv4 range such as `10.0.1.0/24`. Throws `CIDR_INVALID`. */
  constructor(cidr: string) {
    const [network, prefixLength] = parseCidr(cidr);
    this.#network = network;
    this.prefixLength = prefixLength;
    this.#range = [ipaddr.IPv4.parse(dotted(network)), prefixLength];
    this.capacity = 2 ** (32 - prefixLength) - RESERVED;
    this.gateway = dotted(network + 1);
    this.sandbox = dotted(network + 2);
  }

  /** The address of each key, in the order given. Throws `CIDR_FULL`, having given out nothing. */
  assign(keys: readonly string[]): string[] {
    const added = new Set(keys.filter((key) => !this.#byKey.has(key))).size;
    if (this.#bySlot.size + added > this.capacity) throw this.#full(this.#bySlot.size + added);
    return keys.map((key) => this.#assignOne(key));
  }

  /** Whether an IPv4 address is of this range, given out or not. */
  contains(address: string): boolean {
    return ipaddr.IPv4.parse(address).match(this.#range);
  }

  #assignOne(key: string): string {
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    let slot = createHash('sha256').update(key).digest().readUInt32BE(0) % this.capacity;
    while (this.#bySlot.has(slot)) slot = (slot + 1) % this.capacity;
    const address = dotted(this.#network + 3 + slot);
    this.#bySlot.set(slot, key);
    this.#byKey.set(key, address);
    return address;
  }

  #full(wanted: number): UsageError {
    const hostBits = Math.ceil(Math.log2(wanted + RESERVED));
    const prefixLength = Math.max(SHORTEST_PREFIX, 32 - hostBits);
    const mask = (0xffff_ffff << (32 - prefixLength)) >>> 0;
    return new UsageError(
      'CIDR_FULL',
      `${wanted} addresses are needed and ${dotted(this.#network)}/${this.prefixLength} holds ${this.capacity}`,
      `use --cidr ${dotted((this.#network & mask) >>> 0)}/${prefixLength}, or fewer namespaces`,
    );
  }
}

function parseCidr(cidr: string): [network: number, prefixLength: number] {
  const invalid = (why: string) =>
    new UsageError('CIDR_INVALID', `--cidr ${cidr}: ${why}`, 'give an IPv4 range such as 10.0.1.0/24');
  if (!ipaddr.IPv4.isValidCIDR(cidr)) throw invalid('not an IPv4 range');
  const [address, prefixLength] = ipaddr.IPv4.parseCIDR(cidr);
  if (prefixLength > LONGEST_PREFIX) throw invalid(`too small, /${LONGEST_PREFIX} is the least`);
  if (prefixLength < SHORTEST_PREFIX) throw invalid(`too large, /${SHORTEST_PREFIX} is the most`);
  const kind = address.range();
  if (kind !== 'private' && kind !== 'unicast' && kind !== 'carrierGradeNat' && kind !== 'reserved')
    throw invalid(`a ${kind} range can't be used`);
  const network = ipaddr.IPv4.networkAddressFromCIDR(cidr);
  if (network.toString() !== address.toString())
    throw invalid(`has host bits set, the range is ${network.toString()}/${prefixLength}`);
  return [Buffer.from(network.toByteArray()).readUInt32BE(0), prefixLength];
}

function dotted(address: number): string {
  return `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`;
}
