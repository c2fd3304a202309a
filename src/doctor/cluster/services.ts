/** What a run would find: its Services and their ready pods, listed by the same code. */

import { type Discovery, keyOf, type ServiceRecord, type Target } from '../../cluster/index.ts';
import { type Check, ok } from '../check.ts';
import type { ClusterContext } from './context.ts';

export const services: Check<ClusterContext> = {
  id: 'services',
  title: 'Services',
  needs: ['namespaces', 'rights'],
  timeoutMs: 60_000,
  async run(cluster) {
    const discovery = await cluster.discovery();
    const all = discovery.catalog.services;
    const ready = all.filter((service) => targetsOf(service, discovery).length > 0);
    return ok(`${all.length} found, ${ready.length} of them with a ready pod`, {
      facts: { services: all.length, ready: ready.length },
    });
  },
};

/** A pod, and a port of it, that a connection to some Service would lead to. */
export function anyTarget(discovery: Discovery): Target | undefined {
  return discovery.catalog.services.flatMap((service) => targetsOf(service, discovery)).at(0);
}

function targetsOf(service: ServiceRecord, { catalog }: Discovery): readonly Target[] {
  const port = service.ports.find(({ protocol }) => protocol === 'TCP');
  if (port === undefined) return [];
  return catalog.endpoints.targets(keyOf(service), { servicePort: port, rawPort: port.port });
}
