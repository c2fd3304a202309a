/**
 * What one Service has in the sandbox: its addresses, and the names that lead to them.
 *
 * A Service has an address of its own (in this file: one of each family). A
 * headless one has another for each pod that DNS leads to, and while there are
 * such pods its name leads to theirs, as it does in a cluster; without one, to
 * its own address, so that a client is at worst refused, and not told that
 * there is no such name. An ExternalName Service is a name for another name.
 */

import { type Cluster, type EndpointPod, keyOf, type ServiceRecord } from '../../cluster/index.ts';
import type { NameRecord } from '../../names/name-table.ts';
import { type Naming, podLabels, serviceNames } from '../../names/service-names.ts';
import type { Dialer, ServiceDestination } from './destination.ts';

/** Names that are wanted alike, for the same. */
export interface Wish {
  readonly names: readonly string[];
  readonly rank: number;
  readonly record: NameRecord;
}

export interface Place {
  readonly addresses: readonly string[];
  readonly destination: ServiceDestination;
}

export interface Publication {
  readonly service: ServiceRecord;
  readonly places: readonly Place[];
  readonly wishes: readonly Wish[];
}

/** A name that the user has given to a Service, or to one of its pods. */
export interface Alias {
  readonly name: string;
  readonly podLabel?: string;
}

/** What a Service is published with. */
export interface Publisher {
  /** Of the kubeconfig. */
  readonly context: string;
  readonly cluster: Dialer & Pick<Cluster, 'podsOf'>;
  /** What tells this cluster's addresses from those of others. */
  readonly key: string;
  readonly naming: Naming;
  /** The addresses of a key, as many as there are. */
  assign(key: string): readonly string[];
  rank(namespace: string, of: 'service' | 'pod' | 'alias'): number;
}

export function publish(
  service: ServiceRecord,
  publisher: Publisher,
  aliases: readonly Alias[] = [],
): Publication {
  const { names, canonical } = serviceNames(service, publisher.naming);
  const rank = publisher.rank(service.namespace, 'service');
  const ownAliases = aliases.filter(({ podLabel }) => podLabel === undefined);
  const wishesFor = (record: NameRecord): Wish[] => [
    { names, rank, record },
    ...aliasWishes(ownAliases, publisher, record),
  ];
  if (service.type === 'ExternalName') {
    const { externalName } = service;
    if (externalName === undefined) return { service, places: [], wishes: [] };
    const record: NameRecord = { addresses: [], alias: externalName, ports: [], targets: [], inHosts: false };
    return { service, places: [], wishes: wishesFor(record) };
  }

  const { context, cluster } = publisher;
  const own: Place = {
    addresses: publisher.assign(`${publisher.key}/${keyOf(service)}`),
    destination: { kind: 'service', context, cluster, service, canonical },
  };
  const pods = headlessPods(service, cluster).map((pod) => publishPod(service, pod, publisher, aliases));
  const record: NameRecord = {
    addresses: (pods.length === 0 ? [own] : pods.map(({ place }) => place)).flatMap((one) => one.addresses),
    ports: service.ports,
    targets: pods.length === 0 ? [canonical] : pods.map(({ place }) => place.destination.canonical),
    inHosts: true,
  };
  return {
    service,
    places: [own, ...pods.map(({ place }) => place)],
    wishes: [...wishesFor(record), ...pods.flatMap(({ wishes }) => wishes)],
  };
}

/** How many addresses a Service needs. */
export function addressesWanted(service: ServiceRecord, cluster: Pick<Cluster, 'podsOf'>): number {
  return service.type === 'ExternalName' ? 0 : 1 + headlessPods(service, cluster).length;
}

function headlessPods(service: ServiceRecord, cluster: Pick<Cluster, 'podsOf'>): readonly EndpointPod[] {
  return service.headless ? cluster.podsOf(service) : [];
}

function publishPod(
  service: ServiceRecord,
  pod: EndpointPod,
  publisher: Publisher,
  aliases: readonly Alias[],
): { place: Place; wishes: Wish[] } {
  const { context, cluster, naming } = publisher;
  const [label, ...others] = podLabels(pod.label, pod.addresses).map((one) =>
    serviceNames(service, naming, one),
  );
  const canonical = label?.canonical ?? serviceNames(service, naming).canonical;
  const place: Place = {
    addresses: publisher.assign(`${publisher.key}/${keyOf(service)}/${pod.label}`),
    destination: { kind: 'service', context, cluster, service, podLabel: pod.label, canonical },
  };
  const rank = publisher.rank(service.namespace, 'pod');
  const record: NameRecord = {
    addresses: place.addresses,
    ports: service.ports,
    targets: [canonical],
    inHosts: true,
  };
  const wishes: Wish[] = [
    { names: label?.names ?? [], rank, record },
    // Nobody types these, so DNS alone has them.
    { names: others.flatMap(({ names }) => names), rank, record: { ...record, inHosts: false } },
    ...aliasWishes(
      aliases.filter(({ podLabel }) => podLabel === pod.label),
      publisher,
      record,
    ),
  ];
  return { place, wishes };
}

function aliasWishes(aliases: readonly Alias[], publisher: Publisher, record: NameRecord): Wish[] {
  if (aliases.length === 0) return [];
  return [{ names: aliases.map(({ name }) => name), rank: publisher.rank('', 'alias'), record }];
}
