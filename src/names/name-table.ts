/**
 * Which names exist in the sandbox, and what they stand for.
 *
 * A Service has the names that it has in a pod: `svc`, `svc.ns`, `svc.ns.svc`
 * and `svc.ns.svc.<cluster domain>` (the search list of a pod's resolv.conf,
 * spelled out). The bare `svc` belongs to the first of the namespaces asked
 * for that has it. The pods of a headless Service have the same forms with
 * their hostname in front: `db-0.db`, `db-0.db.ns` and so on.
 *
 * Names are kept in lower case and without a final dot (RFC 4343).
 */

/** The domain of Kubernetes clusters where nobody has changed it. */
export const CLUSTER_DOMAIN = 'cluster.local';

/** These mean the sandbox itself, whatever a Service is called. */
const RESERVED_NAMES = new Set(['localhost', 'localhost.localdomain', 'ip6-localhost', 'ip6-loopback']);

export class NameTable {
  readonly #addresses = new Map<string, readonly string[]>();
  /** Names that have descendants: these exist, without records of their own (RFC 8020). */
  readonly #parents = new Set<string>();

  /** Gives a name its addresses, unless it has some. @returns whether it was free. */
  add(name: string, addresses: readonly string[]): boolean {
    const key = canonical(name);
    if (RESERVED_NAMES.has(key) || this.#addresses.has(key)) return false;
    this.#addresses.set(key, addresses);
    for (let dot = key.indexOf('.'); dot >= 0; dot = key.indexOf('.', dot + 1))
      this.#parents.add(key.slice(dot + 1));
    return true;
  }

  /** The addresses of a name; empty where it only has names below it; undefined where there is no such name. */
  lookup(name: string): readonly string[] | undefined {
    const key = canonical(name);
    return this.#addresses.get(key) ?? (this.#parents.has(key) ? [] : undefined);
  }

  /** Every name with addresses, in the order they were added. */
  entries(): IterableIterator<[name: string, addresses: readonly string[]]> {
    return this.#addresses.entries();
  }
}

/** The names of a Service (or, with `hostname`, of one of its pods), shortest first. */
export function namesOf(service: string, namespace: string, hostname?: string): string[] {
  const name = hostname === undefined ? service : `${hostname}.${service}`;
  return [
    name,
    `${name}.${namespace}`,
    `${name}.${namespace}.svc`,
    `${name}.${namespace}.svc.${CLUSTER_DOMAIN}`,
  ];
}

function canonical(name: string): string {
  const lower = name.toLowerCase();
  return lower.endsWith('.') ? lower.slice(0, -1) : lower;
}
