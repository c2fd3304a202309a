/**
 * Where each address of the sandbox leads: the one place that decides it.
 *
 * A Service has an address of its own. A headless one has an address for each
 * ready pod with a hostname, as its DNS name in a cluster has; where there is
 * none, an address that stands for any of its pods, so that a client is at
 * worst refused, and not told that there is no such name. An ExternalName Service is a name for something
 * outside and has no address.
 */

import type { Cluster, ServiceRecord } from '../cluster/index.ts';
import type { AddressPlan } from '../names/address-plan.ts';
import { NameTable, namesOf } from '../names/name-table.ts';

export type Destination =
  | { readonly kind: 'gateway' }
  | { readonly kind: 'service'; readonly service: ServiceRecord; readonly podHostname?: string }
  | { readonly kind: 'unassigned' }
  | { readonly kind: 'outside' };

/** What is looked at of a cluster. */
type Listing = Pick<Cluster, 'services' | 'podsOf'>;
type ServiceDestination = Extract<Destination, { kind: 'service' }>;

const GATEWAY: Destination = { kind: 'gateway' };
const UNASSIGNED: Destination = { kind: 'unassigned' };
const OUTSIDE: Destination = { kind: 'outside' };

/** Something that needs an address: the key it is hashed by, and where it leads. */
interface Entry {
  readonly key: string;
  readonly destination: ServiceDestination;
}

export class Directory {
  readonly names = new NameTable();
  readonly #plan: AddressPlan;
  readonly #destinations = new Map<string, ServiceDestination>();

  /** @param clusterKey what tells this cluster from others, for stable addresses. Throws `CIDR_FULL`. */
  constructor(plan: AddressPlan, clusterKey: string, cluster: Listing) {
    this.#plan = plan;
    const entries = cluster.services.map((service) => entriesOf(service, clusterKey, cluster));
    const addresses = plan.assign(entries.flat().map((entry) => entry.key));
    let next = 0;
    const assigned = entries.map((of) => of.map((entry) => ({ ...entry, address: addresses[next++] })));
    for (const { address, destination } of assigned.flat()) this.#destinations.set(address, destination);

    // Services before pods: `db.e2e` is the Service db in e2e, and only then a pod db of a Service e2e.
    for (const [i, { name, namespace }] of cluster.services.entries()) {
      const all = assigned[i].map((entry) => entry.address);
      if (all.length > 0) for (const form of namesOf(name, namespace)) this.names.add(form, all);
    }
    for (const { destination, address } of assigned.flat()) {
      const { service, podHostname } = destination;
      if (podHostname === undefined) continue;
      for (const form of namesOf(service.name, service.namespace, podHostname))
        this.names.add(form, [address]);
    }
  }

  route(address: string): Destination {
    const destination = this.#destinations.get(address);
    if (destination !== undefined) return destination;
    if (address === this.#plan.gateway) return GATEWAY;
    return this.#plan.contains(address) ? UNASSIGNED : OUTSIDE;
  }
}

function entriesOf(service: ServiceRecord, clusterKey: string, cluster: Listing): Entry[] {
  if (service.type === 'ExternalName') return [];
  const key = `${clusterKey}/${service.namespace}/${service.name}`;
  const pods = service.headless ? cluster.podsOf(service) : [];
  if (pods.length === 0) return [{ key, destination: { kind: 'service', service } }];
  return pods.map(({ label }) => ({
    key: `${key}/${label}`,
    destination: { kind: 'service', service, podHostname: label },
  }));
}
