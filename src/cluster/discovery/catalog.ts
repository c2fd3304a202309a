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
  readonly #byClusterIP = new Map<string, string>();
  readonly #changed = new Map<string, ServiceId>();
  readonly #listeners = new Set<(changed: readonly ServiceId[]) => void>();
  readonly #serviceListeners = new Set<(before?: ServiceRecord, after?: ServiceRecord) => void>();
  #ordered: readonly ServiceRecord[] | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor({ namespaces, coalesceMs, onPodLeft }: CatalogOptions) {
    this.endpoints = new EndpointTable(onPodLeft);
    this.#ranks = new Map(namespaces.map((namespace, rank) => [namespace, rank]));
    this.#coalesceMs = coalesceMs;
  }

  /** By the order of the namespaces, then by name. */
  get services(): readonly ServiceRecord[] {
    this.#ordered ??= [...this.#services.values()].sort((a, b) => this.#compare(a, b));
    return this.#ordered;
  }

  find(id: ServiceId): ServiceRecord | undefined {
    return this.#services.get(keyOf(id));
  }

  owner(address: string): Owner | undefined {
    const service = this.#services.get(this.#byClusterIP.get(address) ?? '');
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
      // It may have been given to another Service already.
      if (this.#byClusterIP.get(address) === key) this.#byClusterIP.delete(address);
    }
    for (const address of after?.clusterIPs ?? []) this.#byClusterIP.set(address, key);
    if (after) this.#services.set(key, after);
    else this.#services.delete(key);
    this.#ordered = undefined;
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

  #compare(a: ServiceRecord, b: ServiceRecord): number {
    const byRank = this.#rank(a.namespace) - this.#rank(b.namespace);
    if (byRank !== 0) return byRank;
    const [left, right] = [keyOf(a), keyOf(b)];
    return left < right ? -1 : Number(left > right);
  }

  #rank(namespace: string): number {
    return this.#ranks.get(namespace) ?? this.#ranks.size;
  }
}
