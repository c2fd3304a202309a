/** What the user has named one by one, instead of whole namespaces. */
import { ClusterError } from '../errors.ts';
import type { ServiceRecord } from './services.ts';
import { CORE_ROOT, pluralOf, type ResourceQuery } from './watch/query.ts';

export interface Picked {
  readonly namespace: string;
  readonly kind: ServiceRecord['kind'];
  readonly name: string;
}

/** Where the API has each kind. */
export const RESOURCES = {
  Service: { root: CORE_ROOT, resource: 'services' },
  Pod: { root: CORE_ROOT, resource: 'pods' },
  Deployment: { root: '/apis/apps/v1', resource: 'deployments.apps' },
  StatefulSet: { root: '/apis/apps/v1', resource: 'statefulsets.apps' },
} as const satisfies Record<Picked['kind'], ResourceQuery>;

/** Without repetitions. @throws ClusterError where two would be called the same */
export function distinctPicks(picks: readonly Picked[]): Picked[] {
  const byName = new Map<string, Picked>();
  for (const pick of picks) {
    const key = `${pick.namespace}/${pick.name}`;
    const other = byName.get(key);
    if (other && other.kind !== pick.kind) {
      throw new ClusterError(
        'PICK_AMBIGUOUS',
        `the ${other.kind} and the ${pick.kind} ${pick.name} of namespace "${pick.namespace}" would have the same name`,
        'pick one of the two',
      );
    }
    byName.set(key, pick);
  }
  return [...byName.values()];
}

/** @param names of all that there are of its kind */
export function unknownPick(
  { namespace, kind, name }: Picked,
  names: readonly string[],
  contextName: string,
): ClusterError {
  const nearest = nearestTo(name, names);
  const plural = pluralOf(RESOURCES[kind]);
  const what =
    nearest.length > 0
      ? `there is ${nearest.join(', ')}`
      : `namespace "${namespace}" has no ${plural} that this account sees`;
  return new ClusterError(
    'PICK_UNKNOWN',
    `namespace "${namespace}" has no ${kind} "${name}"; ${what}`,
    `see which there are: kubectl --context ${contextName} -n ${namespace} get ${plural}`,
  );
}

/** A message names no more than these. */
const SUGGESTIONS = 5;

/** Those that are most like it, the most like first. */
function nearestTo(name: string, names: readonly string[]): string[] {
  return names
    .map((other) => ({ other, distance: distanceOf(name, other) }))
    .sort((a, b) => a.distance - b.distance)
    .slice(0, SUGGESTIONS)
    .map(({ other }) => other);
}

/** Letters to add, remove, exchange or swap until one is the other; less where one contains the other. */
function distanceOf(a: string, b: string): number {
  if (a.includes(b) || b.includes(a)) return 0.5;
  const rows = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    rows.push([i]);
    for (let j = 1; j <= b.length; j++) {
      const exchanged = rows[i - 1][j - 1] + Number(a[i - 1] !== b[j - 1]);
      const swapped = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? rows[i - 2][j - 2] + 1 : Infinity;
      rows[i].push(Math.min(rows[i - 1][j] + 1, rows[i][j - 1] + 1, exchanged, swapped));
    }
  }
  return rows[a.length][b.length];
}
