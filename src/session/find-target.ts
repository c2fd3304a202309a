/** Where a target is at the moment. */

import type { ServiceRecord } from '../cluster/index.ts';
import type { Target } from './choices.ts';
import type { ConnectedContext } from './contexts.ts';

export interface FoundTarget {
  readonly service: ServiceRecord;
  /** Where one pod of a headless Service is meant. */
  readonly podLabel?: string;
}

/** @returns undefined where there is no such thing among what is selected */
export function findTarget(
  { namespace: named, kind, name }: Target,
  { cluster, namespaces }: ConnectedContext,
): FoundTarget | undefined {
  const namespace = named ?? namespaces[0];
  const service = cluster.find(namespace, name);
  if (service?.kind === kind) return { service };
  if (kind !== 'Pod') return undefined;
  const behind = cluster.services.find(
    (one) =>
      one.namespace === namespace && one.headless && cluster.podsOf(one).some(({ label }) => label === name),
  );
  return behind && { service: behind, podLabel: name };
}
