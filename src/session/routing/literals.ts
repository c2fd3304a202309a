/**
 * Addresses that a cluster hands out itself: ClusterIPs, and those of its pods.
 *
 * Redis Cluster, MongoDB and Elasticsearch tell their clients the addresses of
 * their nodes, and a variable like WEB_SERVICE_HOST holds a ClusterIP. What is
 * selected is reached by them as in the cluster; of several contexts with the
 * same ranges the first one that knows an address has it.
 *
 * Such an address may be spelled by a name as well, which needs no entry in any
 * table: `10-244-0-5.web.shop.svc.cluster.local`, `10-244-0-5.shop.pod.cluster.local`.
 */

import type { Cluster } from '../../cluster/index.ts';
import { addressOfDashed } from '../../names/dns/dashed.ts';
import { type Naming, podDomains, podLabels, serviceNames } from '../../names/service-names.ts';
import type { Dialer, ServiceDestination } from './destination.ts';

interface Origin {
  readonly context: string;
  readonly cluster: Dialer & Pick<Cluster, 'owner'>;
  readonly naming: Naming;
}

export class Literals {
  readonly #origins: readonly Origin[];

  constructor(origins: readonly Origin[]) {
    this.#origins = origins;
  }

  route(address: string): ServiceDestination | undefined {
    for (const origin of this.#origins) {
      const destination = routeIn(origin, address);
      if (destination !== undefined) return destination;
    }
    return undefined;
  }

  /** The address of a pod, where the name is one of those that spell it out. */
  addressSpelledBy(canonicalName: string): string | undefined {
    const dot = canonicalName.indexOf('.');
    const address = dot < 0 ? undefined : addressOfDashed(canonicalName.slice(0, dot));
    if (address === undefined) return undefined;
    const domain = canonicalName.slice(dot + 1);
    const isHere = (origin: Origin): boolean => domainsOf(origin, address).includes(domain);
    return this.#origins.some(isHere) ? address : undefined;
  }
}

function routeIn({ context, cluster, naming }: Origin, address: string): ServiceDestination | undefined {
  const owner = cluster.owner(address);
  if (owner === undefined) return undefined;
  const { service } = owner;
  if (owner.kind === 'service')
    return { kind: 'service', context, cluster, service, canonical: serviceNames(service, naming).canonical };
  const { podLabel } = owner;
  const [label] = podLabels(service.headless ? podLabel : '', [address]);
  const { canonical } = serviceNames(service, naming, label);
  return { kind: 'service', context, cluster, service, podLabel, canonical };
}

/** Below which names the address of a pod may be spelled. */
function domainsOf({ cluster, naming }: Origin, address: string): string[] {
  const owner = cluster.owner(address);
  if (owner?.kind !== 'pod') return [];
  return [...serviceNames(owner.service, naming).names, ...podDomains(owner.service.namespace, naming)];
}
