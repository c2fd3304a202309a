/**
 * Which names the sandbox was told to be at an address.
 *
 * A packet has an address and no name. What ties the two is the answer that our
 * DNS gave: for its TTL, and for a while beyond, since programs keep addresses
 * longer than they should. Two names at one address can't be told apart: a rule
 * on either holds for both.
 */

import { monotonicMs } from '../monotonic.ts';
import { policyAddress } from './address.ts';

/** Beyond the TTL. Browsers and language runtimes keep addresses for a minute or so, whatever the TTL says. */
const GRACE_MS = 300_000;
/** No answer counts for longer. */
const MAX_TTL_S = 86_400;
/** Names at addresses; past it the one told of longest ago is forgotten. */
const MAX_PAIRS = 16_384;
/** Names at one address: a content network has many. */
const MAX_NAMES = 64;

export class NamedAddresses {
  readonly #now: () => number;
  /** By address, then by name: when it is forgotten. Both in the order in which they were told, the latest last. */
  readonly #byAddress = new Map<string, Map<string, number>>();
  #pairs = 0;

  /** @param now milliseconds of a monotonic clock */
  constructor(now: () => number = monotonicMs) {
    this.#now = now;
  }

  learn(name: string, address: string, ttlS: number): void {
    const key = policyAddress(address)?.text;
    if (key === undefined) return;
    const names = this.#byAddress.get(key) ?? new Map<string, number>();
    const own = name.toLowerCase().replace(/\.$/, '');
    const expiresAt = this.#now() + Math.min(ttlS, MAX_TTL_S) * 1000 + GRACE_MS;
    const before = names.get(own);
    this.#pairs += before === undefined ? 1 : 0;
    names.delete(own);
    // A shorter TTL later does not undo what was promised before.
    names.set(own, Math.max(expiresAt, before ?? 0));
    this.#byAddress.delete(key);
    this.#byAddress.set(key, names);
    if (names.size > MAX_NAMES) this.#forgetOldest(key, names);
    if (this.#pairs > MAX_PAIRS) this.#makeRoom();
  }

  /** The latest first. */
  namesOf(address: string): string[] {
    const names = this.#byAddress.get(policyAddress(address)?.text ?? '');
    if (names === undefined) return [];
    const now = this.#now();
    return [...names]
      .filter(([, expiresAt]) => expiresAt > now)
      .map(([name]) => name)
      .toReversed();
  }

  #makeRoom(): void {
    const [oldest] = this.#byAddress;
    if (oldest !== undefined) this.#forgetOldest(...oldest);
  }

  #forgetOldest(address: string, names: Map<string, number>): void {
    const [name] = names.keys();
    if (name === undefined) return;
    names.delete(name);
    this.#pairs -= 1;
    if (names.size === 0) this.#byAddress.delete(address);
  }
}
