/**
 * What a run needs in one namespace, or in all: which rights, and what is done
 * where one is missing.
 *
 *     services        list, or nothing works                    watch, or lists are polled
 *     endpoints       list of one of three kinds, or the same   watch, the same
 *     port-forwards   get (WebSocket) or create (SPDY upgrade)
 */

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
/** The best first: what a run takes. */
const ENDPOINT_KINDS: readonly Kind[] = [
  { group: 'discovery.k8s.io', resource: 'endpointslices' },
  { group: '', resource: 'endpoints' },
  { group: '', resource: 'pods' },
];
const FORWARDS = { group: '', resource: 'pods', subresource: 'portforward' } as const;
const POLLED = 'they are listed every 10 s instead';

type Place = Pick<Right, 'namespace'>;

export async function reviewScope(reviewer: Reviewer, place: Place): Promise<Verdict> {
  const [services, endpoints, forwards] = await Promise.all([
    followed(reviewer, SERVICES, place),
    endpointRights(reviewer, place),
    forwardRights(reviewer, place),
  ]);
  const parts = [services, endpoints, forwards];
  return {
    needed: parts.flatMap(({ needed }) => needed),
    missed: parts.flatMap(({ missed }) => missed),
    held: parts.flatMap(({ held }) => held),
  };
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
