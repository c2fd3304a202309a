/**
 * All that is known of the selected Services at this moment.
 *
 * Feeds fill it, the rest of the program reads it. Who listens is told which
 * Services have changed, not how: it looks for itself. Changes within a few
 * milliseconds are told together, since one rollout step is several events.
 */
import { EndpointTable } from './endpoint-table.ts';
import type { EndpointPod, EndpointSet } from './endpoints.ts';
import { keyOf, type ServiceId, type ServiceRecord } from './services.ts';

/** Whose address it is that a program was told: a Service's ClusterIP, or a pod's own. */
export type Owner =
  | { readonly kind: 'service'; readonly service: ServiceRecord }
  | { readonly kind: 'pod'; readonly service: ServiceRecord; readonly podLabel: string };

export interface CatalogOptions {
  /** These come first among the Services, in this order. */
  readonly namespaces: readonly string[];
  readonly coalesceMs: number;
  /** A pod stands behind no Service any more. */
  readonly onPodLeft: (pod: EndpointPod) => void;
}

export class Catalog {
  readonly endpoints: EndpointTable;
  readonly #ranks: ReadonlyMap<string, number>;
  readonly #coalesceMs: number;
  readonly #services = new Map<string, ServiceRecord>();
  /** The same, in order; kept so, since a sort of thousands for each change stalls packets. */
  readonly #ordered: ServiceRecord[] = [];
  /** Who holds it, the latest last: a list may tell of the new holder before the old one is known to be gone. */
  readonly #byClusterIP = new Map<string, readonly string[]>();
  readonly #changed = new Map<string, ServiceId>();
  readonly #listeners = new Set<(changed: readonly ServiceId[]) => void>();
  readonly #serviceListeners = new Set<(before?: ServiceRecord, after?: ServiceRecord) => void>();
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor({ namespaces, coalesceMs, onPodLeft }: CatalogOptions) {
    this.endpoints = new EndpointTable(onPodLeft);
    this.#ranks = new Map(namespaces.map((namespace, rank) => [namespace, rank]));
    this.#coalesceMs = coalesceMs;
  }

  /** By the order of the namespaces, then by name; the list itself changes with them. */
  get services(): readonly ServiceRecord[] {
    return this.#ordered;
  }

  find(id: ServiceId): ServiceRecord | undefined {
    return this.#services.get(keyOf(id));
  }

  owner(address: string): Owner | undefined {
    const service = this.#services.get(this.#byClusterIP.get(address)?.at(-1) ?? '');
    if (service) return { kind: 'service', service };
    let found: Owner | undefined;
    for (const { service: key, label } of this.endpoints.owners(address)) {
      const behind = this.#services.get(key);
      if (!behind) continue;
      found = { kind: 'pod', service: behind, podLabel: label };
      // Among several it is the one under which pods are known one by one.
      if (behind.headless) break;
    }
    return found;
  }

  /** Told of changes a few milliseconds after the first of them. @returns a function that ends it. */
  onChange(listener: (changed: readonly ServiceId[]) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Told of each Service at once. @returns a function that ends it. */
  onService(listener: (before?: ServiceRecord, after?: ServiceRecord) => void): () => void {
    this.#serviceListeners.add(listener);
    return () => this.#serviceListeners.delete(listener);
  }

  updateService(before: ServiceRecord | undefined, after: ServiceRecord | undefined): void {
    const id = after ?? before;
    if (!id || this.#closed) return;
    const key = keyOf(id);
    for (const address of before?.clusterIPs ?? []) {
      const others = this.#holders(address).filter((holder) => holder !== key);
      if (others.length > 0) this.#byClusterIP.set(address, others);
      else this.#byClusterIP.delete(address);
    }
    for (const address of after?.clusterIPs ?? [])
      this.#byClusterIP.set(address, [...this.#holders(address), key]);
    const known = Number(this.#services.has(key));
    if (after) this.#ordered.splice(this.#placeOf(id), known, after);
    else this.#ordered.splice(this.#placeOf(id), known);
    if (after) this.#services.set(key, after);
    else this.#services.delete(key);
    for (const listener of this.#serviceListeners) listener(before, after);
    this.#tell(key, id);
  }

  /** @param source the object that says so. */
  updateEndpoints(source: string, before: EndpointSet | undefined, after: EndpointSet | undefined): void {
    if (this.#closed) return;
    this.endpoints.update(source, before, after);
    for (const key of new Set([before?.service, after?.service])) {
      if (key === undefined) continue;
      const [namespace, name] = key.split('/');
      this.#tell(key, { namespace, name });
    }
  }

  /** What is known stays as it is, and nobody is told anything any more. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#listeners.clear();
    this.#serviceListeners.clear();
  }

  #holders(address: string): readonly string[] {
    return this.#byClusterIP.get(address) ?? [];
  }

  #tell(key: string, { namespace, name }: ServiceId): void {
    if (this.#listeners.size === 0) return;
    this.#changed.set(key, { namespace, name });
    this.#timer ??= setTimeout(() => this.#flush(), this.#coalesceMs);
  }

  #flush(): void {
    this.#timer = undefined;
    const changed = [...this.#changed.values()];
    this.#changed.clear();
    for (const listener of this.#listeners) listener(changed);
  }

  /** Where a Service is in the order, or would be. */
  #placeOf(id: ServiceId): number {
    let [low, high] = [0, this.#ordered.length];
    // Servers list in this order, or nearly.
    if (high > 0 && this.#compare(this.#ordered[high - 1], id) < 0) return high;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#compare(this.#ordered[middle], id) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #compare(a: ServiceId, b: ServiceId): number {
    const byRank = this.#rank(a.namespace) - this.#rank(b.namespace);
    return byRank || compareText(a.namespace, b.namespace) || compareText(a.name, b.name);
  }

  #rank(namespace: string): number {
    return this.#ranks.get(namespace) ?? this.#ranks.size;
  }
}

/** By code units: the same everywhere, and faster than a locale's order. */
function compareText(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
