/** Where a target is at the moment. */

import type { Cluster, ServiceRecord } from '../cluster/index.ts';
import type { Target } from './choices.ts';
import type { ContextAccess } from './contexts.ts';

/** A context, and what is known of its Services. */
export interface KnownContext extends ContextAccess {
  readonly cluster: Pick<Cluster, 'services' | 'find' | 'podsOf' | 'hasPort'>;
}

export interface FoundTarget {
  readonly service: ServiceRecord;
  /** Where one pod of a headless Service is meant. */
  readonly podLabel?: string;
}

/** @returns undefined where there is no such thing among what is selected */
export function findTarget(
  { namespace: named, kind, name }: Target,
  { cluster, namespaces }: KnownContext,
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
