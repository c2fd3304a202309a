/**
 * How long packets may be on the way to single hosts (RFC 1191, RFC 8201), where
 * that is less than the link carries.
 *
 * There is nothing to know on a link whose other end is the destination; behind
 * a guest that routes on, there may be. What an ICMP error says is believed when
 * its receiver has matched it with what was sent. An entry is forgotten after
 * `pathMtuTimeoutMs`, so that a wider way is found again; past `maxPathMtus` the
 * oldest is.
 */
import type { Clock } from '../../clock.ts';
import type { StackLimits } from '../../limits.ts';
import { type AgeEntry, AgeList } from '../../storage/age-list.ts';
import { IPV6_MIN_MTU } from '../../wire/ipv6.ts';
import { addressWords, type IpVersion } from '../address.ts';

/** RFC 1191 7.1: where a router does not say what it could carry, the next that is common. */
const PLATEAUS: readonly number[] = [32_000, 17_914, 8166, 4352, 2002, 1492, 1006];

class PathMtu implements AgeEntry<PathMtu> {
  older: PathMtu | null = null;
  younger: PathMtu | null = null;
  expiresAt: number;
  readonly destination: string;
  readonly mtu: number;

  constructor(destination: string, mtu: number, expiresAt: number) {
    this.destination = destination;
    this.mtu = mtu;
    this.expiresAt = expiresAt;
  }
}

export class PathMtuTable {
  readonly #limits: StackLimits;
  readonly #clock: Clock;
  readonly #entries = new Map<string, PathMtu>();
  readonly #byAge = new AgeList<PathMtu>();

  constructor(limits: StackLimits, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
  }

  /** @param addresses local and remote, as a path has them */
  find(version: IpVersion, addresses: readonly number[], linkMtu: number): number {
    // Nearly always empty, and then this costs a comparison.
    if (this.#entries.size === 0) return linkMtu;
    this.#expire();
    const entry = this.#entries.get(destinationOf(version, addresses));
    return entry === undefined ? linkMtu : Math.min(linkMtu, entry.mtu);
  }

  /**
   * A packet of `sentBytes` was too long for somebody who carries `saidMtu`.
   *
   * @returns the mtu from now on, or 0 where the report makes no sense: it is no
   *   less than what was sent (RFC 5927 7.2), or less than IPv6 allows (RFC 8201 4)
   */
  report(version: IpVersion, addresses: readonly number[], sentBytes: number, saidMtu: number): number {
    let mtu = saidMtu;
    if (version === 4) {
      if (mtu === 0) mtu = PLATEAUS.find((plateau) => plateau < sentBytes) ?? 0;
      // A lie about a tiny mtu would make a flood of headers out of a stream.
      mtu = Math.max(this.#limits.minPathMtuIpv4, mtu);
    } else if (mtu < IPV6_MIN_MTU) {
      return 0;
    }
    if (mtu >= sentBytes) return 0;
    // A report never widens a path (RFC 8201 4): many are on their way when it narrows.
    mtu = this.find(version, addresses, mtu);
    this.#keep(
      new PathMtu(destinationOf(version, addresses), mtu, this.#clock.nowMs + this.#limits.pathMtuTimeoutMs),
    );
    return mtu;
  }

  #keep(entry: PathMtu): void {
    const known = this.#entries.get(entry.destination);
    if (known !== undefined) this.#byAge.remove(known);
    this.#entries.set(entry.destination, entry);
    this.#byAge.add(entry);
    const { oldest } = this.#byAge;
    if (this.#byAge.size > this.#limits.maxPathMtus && oldest !== null) this.#forget(oldest);
  }

  #expire(): void {
    for (;;) {
      const { oldest } = this.#byAge;
      if (oldest === null || oldest.expiresAt > this.#clock.nowMs) return;
      this.#forget(oldest);
    }
  }

  #forget(entry: PathMtu): void {
    this.#entries.delete(entry.destination);
    this.#byAge.remove(entry);
  }
}

function destinationOf(version: IpVersion, addresses: readonly number[]): string {
  return addresses.slice(addressWords(version)).join();
}
