/**
 * Which addresses each Service has in the sandbox, one of each family.
 *
 * A slot of the ranges follows from a hash of what it is for, so that addresses
 * seldom change from run to run: shell histories, known_hosts and database
 * dumps then keep their meaning. Two keys with the same slot: the later one (in
 * the order asked for) takes the next free one. A slot once given is never
 * given to another key while the plan lives, so that a program that keeps an
 * address meets what it has met before, or nobody.
 *
 * Slot n is host n + 3 of both ranges: 10.0.1.215 and fd6b:6e73::d7. Of a range,
 * the first address is the gateway (and the DNS server), the second the
 * sandbox; the network and broadcast addresses are left alone.
 */

import { hash } from 'node:crypto';
import ipaddr from 'ipaddr.js';
import { UsageError } from '../errors.ts';
import { remembered } from '../remembered.ts';
import { IPV4, IPV6, parseRange, type Range } from './cidr.ts';

/** Network, broadcast, gateway and sandbox: what a range holds besides Services. */
const RESERVED = 4;
const GATEWAY_HOST = 1;
const SANDBOX_HOST = 2;
const FIRST_HOST = 3;
/** A group of an IPv6 address has 16 bits (RFC 4291, 2.2). */
const LAST_OF_GROUP = 0xffff;

/** What one key has: an address of each family. */
export type Addresses = readonly [ipv4: string, ipv6: string];

export class AddressPlan {
  readonly gateway: Addresses;
  readonly sandbox: Addresses;
  readonly prefixLengths: readonly [ipv4: number, ipv6: number];
  /** How many keys fit. */
  readonly capacity: number;

  readonly #ipv4: Range;
  readonly #ipv6: Range;
  /** What all addresses of the first 65,535 hosts begin with: `fd6b:6e73::`. */
  readonly #ipv6Head: string;
  readonly #taken = new Set<number>();
  readonly #byKey = new Map<string, Addresses>();

  /** @param cidr such as `10.0.1.0/24`. @param cidr6 such as `fd6b:6e73::/64`. Throws `CIDR_INVALID`. */
  constructor(cidr: string, cidr6: string) {
    this.#ipv4 = parseRange(cidr, IPV4);
    this.#ipv6 = parseRange(cidr6, IPV6);
    this.#ipv6Head = headOf(this.#ipv6.network);
    this.prefixLengths = [this.#ipv4.prefixLength, this.#ipv6.prefixLength];
    this.capacity = 2 ** (32 - this.#ipv4.prefixLength) - RESERVED;
    this.gateway = this.#host(GATEWAY_HOST);
    this.sandbox = this.#host(SANDBOX_HOST);
  }

  /** The addresses of a key, the same whenever it is asked for; undefined where the ranges are full. */
  assign(key: string): Addresses | undefined {
    const known = this.#byKey.get(key);
    if (known !== undefined || this.#taken.size >= this.capacity) return known;
    let slot = hash('sha256', key, 'buffer').readUInt32BE(0) % this.capacity;
    while (this.#taken.has(slot)) slot = (slot + 1) % this.capacity;
    const addresses = this.#host(FIRST_HOST + slot);
    this.#taken.add(slot);
    this.#byKey.set(key, addresses);
    return addresses;
  }

  /** What to say where that many addresses are needed. */
  full(wanted: number): UsageError {
    const hostBits = Math.ceil(Math.log2(wanted + RESERVED));
    const wider = Math.max(IPV4.shortestPrefix, 32 - hostBits);
    return new UsageError(
      'CIDR_FULL',
      `${wanted} addresses are needed and ${this.#range(this.prefixLengths[0])} holds ${this.capacity}`,
      `use --cidr ${this.#range(wider)}, or fewer namespaces`,
    );
  }

  /** Whether an address is of one of the ranges, given out or not. */
  readonly contains = remembered((address) =>
    ipaddr.IPv4.isValid(address)
      ? ipaddr.IPv4.parse(address).match(new ipaddr.IPv4([...this.#ipv4.network]), this.#ipv4.prefixLength)
      : ipaddr.IPv6.parse(address).match(new ipaddr.IPv6([...this.#ipv6.network]), this.#ipv6.prefixLength),
  );

  /** The IPv4 range of that size around ours. */
  #range(prefixLength: number): string {
    const network = ipaddr.IPv4.networkAddressFromCIDR(`${this.gateway[0]}/${prefixLength}`);
    return `${network.toString()}/${prefixLength}`;
  }

  #host(host: number): Addresses {
    return [
      new ipaddr.IPv4(plus(this.#ipv4.network, host)).toString(),
      host <= LAST_OF_GROUP
        ? `${this.#ipv6Head}${host.toString(16)}`
        : new ipaddr.IPv6(plus(this.#ipv6.network, host)).toString(),
    ];
  }
}

/** The text of the first host without its last digit: as long as nothing but the last group differs, it stands in front. */
function headOf(network: readonly number[]): string {
  return new ipaddr.IPv6(plus(network, 1)).toString().slice(0, -1);
}

/** A host's address: the network's bytes have no bits set where those of the host go. */
function plus(network: readonly number[], host: number): number[] {
  const bytes = [...network];
  for (let at = bytes.length - 1, rest = host; rest > 0; at--, rest >>>= 8) bytes[at] |= rest & 0xff;
  return bytes;
}
