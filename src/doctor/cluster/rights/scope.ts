/**
 * What a run needs in one namespace, or in all: which rights, and what is done
 * where one is missing.
 *
 *     services        list, or nothing works                    watch, or lists are polled
 *     endpoints       list of one of three kinds, or the same   watch, the same
 *     port-forwards   create (SPDY upgrade) or get (WebSocket)
 *
 * For a pick, list and watch of that object by its name, of the pods of a
 * workload, and port-forwards.
 */

import type { Picked } from '../../../cluster/index.ts';

import { type Right, rightText } from './right.ts';
import type { Reviewer } from './review.ts';

export interface Verdict {
  /** Without each of these a run fails. */
  readonly needed: readonly Right[];
  /** Without these it works, and this is what it does instead. */
  readonly missed: readonly { readonly right: Right; readonly instead: string }[];
  /** Those that are there. */
  readonly held: readonly Right[];
}

interface Kind {
  readonly group: string;
  readonly resource: string;
}

const SERVICES: Kind = { group: '', resource: 'services' };
const PODS: Kind = { group: '', resource: 'pods' };
const DEPLOYMENTS: Kind = { group: 'apps', resource: 'deployments' };
const STATEFUL_SETS: Kind = { group: 'apps', resource: 'statefulsets' };
/** The best first: what a run takes. */
const ENDPOINT_KINDS: readonly Kind[] = [
  { group: 'discovery.k8s.io', resource: 'endpointslices' },
  { group: '', resource: 'endpoints' },
  PODS,
];
const FORWARDS = { group: '', resource: 'pods', subresource: 'portforward' } as const;
const POLLED = 'they are listed every 10 s instead';

type Place = Pick<Right, 'namespace' | 'name'>;

export async function reviewScope(reviewer: Reviewer, place: Place): Promise<Verdict> {
  return joined([
    followed(reviewer, SERVICES, place),
    endpointRights(reviewer, place),
    forwardRights(reviewer, place),
  ]);
}

export async function reviewPick(reviewer: Reviewer, { kind, namespace, name }: Picked): Promise<Verdict> {
  const pods = { namespace };
  const picked = { namespace, name };
  const forwards = forwardRights(reviewer, pods);
  switch (kind) {
    case 'Service':
      return joined([followed(reviewer, SERVICES, picked), endpointRights(reviewer, pods), forwards]);
    case 'Pod':
      return joined([followed(reviewer, PODS, picked), forwards]);
    case 'Deployment':
      return joined([followed(reviewer, DEPLOYMENTS, picked), followed(reviewer, PODS, pods), forwards]);
    case 'StatefulSet':
      return joined([followed(reviewer, STATEFUL_SETS, picked), followed(reviewer, PODS, pods), forwards]);
  }
}

/** What is meant several times is told once. */
export async function joined(parts: readonly Promise<Verdict>[]): Promise<Verdict> {
  const verdicts = await Promise.all(parts);
  return {
    needed: distinct(
      verdicts.flatMap(({ needed }) => needed),
      rightText,
    ),
    missed: distinct(
      verdicts.flatMap(({ missed }) => missed),
      missedText,
    ),
    held: distinct(
      verdicts.flatMap(({ held }) => held),
      rightText,
    ),
  };
}

function distinct<T>(items: readonly T[], textOf: (item: T) => string): T[] {
  return [...new Map(items.map((item) => [textOf(item), item])).values()];
}

/** What is listed and watched. */
async function followed(reviewer: Reviewer, kind: Kind, place: Place): Promise<Verdict> {
  const [list, watch]: Right[] = [
    { verb: 'list', ...kind, ...place },
    { verb: 'watch', ...kind, ...place },
  ];
  const [mayList, mayWatch] = await Promise.all([reviewer.may(list), reviewer.may(watch)]);
  return {
    needed: mayList ? [] : [list],
    missed: mayList && !mayWatch ? [{ right: watch, instead: POLLED }] : [],
    held: [...(mayList ? [list] : []), ...(mayWatch ? [watch] : [])],
  };
}

async function endpointRights(reviewer: Reviewer, place: Place): Promise<Verdict> {
  const verdicts = await Promise.all(ENDPOINT_KINDS.map((kind) => followed(reviewer, kind, place)));
  const used = verdicts.findIndex(({ needed }) => needed.length === 0);
  const [best] = verdicts;
  if (used <= 0) return best;
  const { resource } = ENDPOINT_KINDS[used];
  const { missed, held } = verdicts[used];
  const passedOver = best.needed.map((right) => ({ right, instead: `endpoints are taken from ${resource}` }));
  return { needed: [], missed: [...passedOver, ...missed], held };
}

async function forwardRights(reviewer: Reviewer, place: Place): Promise<Verdict> {
  const [get, create]: Right[] = [
    { verb: 'get', ...FORWARDS, ...place },
    { verb: 'create', ...FORWARDS, ...place },
  ];
  const [mayGet, mayCreate] = await Promise.all([reviewer.may(get), reviewer.may(create)]);
  if (!mayGet && !mayCreate) return { needed: [get, create], missed: [], held: [] };
  return {
    needed: [],
    missed: [
      ...(mayGet ? [] : [{ right: get, instead: 'SPDY upgrades alone are used, which some proxies refuse' }]),
      ...(mayCreate ? [] : [{ right: create, instead: 'WebSockets alone are used' }]),
    ],
    held: [...(mayGet ? [get] : []), ...(mayCreate ? [create] : [])],
  };
}

/** `watch services in namespace "shop" (they are listed every 10 s instead)`. */
export function missedText({ right, instead }: Verdict['missed'][number]): string {
  return `${rightText(right)} (${instead})`;
}
