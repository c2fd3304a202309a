/**
 * Which names exist in the sandbox, and what each stands for.
 *
 * A name may be wanted by several: the Service `web` of two namespaces, a
 * Service and a pod of another. Each lays a claim to it with a rank, and the
 * best rank has it; of equal ranks, the one that came first. When a claim is
 * released the next one has the name, so that Services may come and go in any
 * order.
 *
 * Names are kept in lower case and without a final dot (RFC 4343). One that no
 * DNS message could hold (RFC 1035, 2.3.4) is not kept at all.
 */

/** A port as a Service has it; SRV records are made of those. */
export interface NamedPort {
  readonly name?: string;
  readonly port: number;
  readonly protocol: string;
}

/** What a name stands for. Its identity is that of the claim, so it is made anew where it changes. */
export interface NameRecord {
  /** IPv4 and IPv6, in the order in which they are told. */
  readonly addresses: readonly string[];
  /** The name that this one is another word for (CNAME); it has no addresses then. */
  readonly alias?: string;
  /** For SRV: each port at each of the targets, which are names of the table. */
  readonly ports: readonly NamedPort[];
  readonly targets: readonly string[];
  /** Whether /etc/hosts has it as well. */
  readonly inHosts: boolean;
}

/** Claims to one name, the best first. */
interface Claim {
  readonly rank: number;
  readonly record: NameRecord;
  next: Claim | undefined;
}

/** These mean the sandbox itself, whatever a Service is called. */
const RESERVED_NAMES = new Set(['localhost', 'localhost.localdomain', 'ip6-localhost', 'ip6-loopback']);

/** RFC 1035, 2.3.4: 255 octets with the lengths and the root, and 63 a label. */
const MAX_NAME = 253;
const LABELS = /^[^.]{1,63}(?:\.[^.]{1,63})*$/;
const LABEL = /^[^.]{1,63}$/;

export class NameTable {
  /** Told of each name that stands for something else from now on, or for nothing: in lower case, without a final dot. */
  onChange: ((name: string) => void) | undefined;
  readonly #claims = new Map<string, Claim>();
  /** How many names stand right below each name: it exists, though it may have no record of its own (RFC 8020). */
  readonly #children = new Map<string, number>();

  /** @param rank the lowest has the name */
  claim(name: string, rank: number, record: NameRecord): void {
    const key = canonicalName(name);
    if (RESERVED_NAMES.has(key) || !isPossibleName(key)) return;
    const first = this.#claims.get(key);
    if (first === undefined || rank < first.rank) {
      if (first === undefined && !this.#children.has(key)) this.#appears(key);
      this.#claims.set(key, { rank, record, next: first });
      this.onChange?.(key);
      return;
    }
    let before = first;
    while (before.next !== undefined && before.next.rank <= rank) before = before.next;
    before.next = { rank, record, next: before.next };
  }

  /** Gives a claim up; the next one, if any, has the name then. */
  release(name: string, record: NameRecord): void {
    const key = canonicalName(name);
    const first = this.#claims.get(key);
    if (first === undefined) return;
    if (first.record === record) {
      if (first.next === undefined) {
        this.#claims.delete(key);
        if (!this.#children.has(key)) this.#vanishes(key);
      } else this.#claims.set(key, first.next);
      this.onChange?.(key);
      return;
    }
    let before = first;
    while (before.next !== undefined && before.next.record !== record) before = before.next;
    before.next = before.next?.next;
  }

  lookup(name: string): NameRecord | undefined {
    return this.#claims.get(canonicalName(name))?.record;
  }

  /** Whether there are names below this one. */
  hasBelow(name: string): boolean {
    return this.#children.has(canonicalName(name));
  }

  get size(): number {
    return this.#claims.size;
  }

  names(): IterableIterator<string> {
    return this.#claims.keys();
  }

  /** Every name, and what it stands for now. */
  *entries(): IterableIterator<[name: string, record: NameRecord]> {
    for (const [name, { record }] of this.#claims) yield [name, record];
  }

  /** A name exists from now on, and so does what stands above it. */
  #appears(key: string): void {
    const parent = parentOf(key);
    if (parent === undefined) return;
    const before = this.#children.get(parent) ?? 0;
    this.#children.set(parent, before + 1);
    if (before === 0 && !this.#claims.has(parent)) this.#appears(parent);
  }

  #vanishes(key: string): void {
    const parent = parentOf(key);
    if (parent === undefined) return;
    const left = (this.#children.get(parent) ?? 0) - 1;
    if (left > 0) {
      this.#children.set(parent, left);
      return;
    }
    this.#children.delete(parent);
    if (!this.#claims.has(parent)) this.#vanishes(parent);
  }
}

function parentOf(key: string): string | undefined {
  const dot = key.indexOf('.');
  return dot < 0 ? undefined : key.slice(dot + 1);
}

export function canonicalName(name: string): string {
  const lower = name.toLowerCase();
  return lower.endsWith('.') ? lower.slice(0, -1) : lower;
}

function isPossibleName(name: string): boolean {
  return name.length <= MAX_NAME && LABELS.test(name);
}

export function isLabel(label: string): boolean {
  return LABEL.test(label);
}
