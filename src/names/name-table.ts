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
const MAX_LABEL = 63;

export class NameTable {
  readonly #claims = new Map<string, Claim>();
  /** How many names each name has below it: it exists, though it may have no records of its own (RFC 8020). */
  readonly #below = new Map<string, number>();

  /** @param rank the lowest has the name */
  claim(name: string, rank: number, record: NameRecord): void {
    const key = canonicalName(name);
    if (RESERVED_NAMES.has(key) || !isPossibleName(key)) return;
    const first = this.#claims.get(key);
    if (first === undefined) this.#countParents(key, 1);
    if (first === undefined || rank < first.rank) {
      this.#claims.set(key, { rank, record, next: first });
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
      if (first.next !== undefined) {
        this.#claims.set(key, first.next);
        return;
      }
      this.#claims.delete(key);
      this.#countParents(key, -1);
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
    return this.#below.has(canonicalName(name));
  }

  /** Every name, and what it stands for now. */
  *entries(): IterableIterator<[name: string, record: NameRecord]> {
    for (const [name, { record }] of this.#claims) yield [name, record];
  }

  #countParents(key: string, by: 1 | -1): void {
    for (let dot = key.indexOf('.'); dot >= 0; dot = key.indexOf('.', dot + 1)) {
      const parent = key.slice(dot + 1);
      const count = (this.#below.get(parent) ?? 0) + by;
      if (count === 0) this.#below.delete(parent);
      else this.#below.set(parent, count);
    }
  }
}

export function canonicalName(name: string): string {
  const lower = name.toLowerCase();
  return lower.endsWith('.') ? lower.slice(0, -1) : lower;
}

function isPossibleName(name: string): boolean {
  return name.length <= MAX_NAME && name.split('.').every(isLabel);
}

export function isLabel(label: string): boolean {
  return label.length > 0 && label.length <= MAX_LABEL;
}
