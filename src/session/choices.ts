/**
 * What a user chooses of the clusters: namespaces, picks, aliases, waits.
 *
 * Each may say which context it means. A namespace that says none is meant in
 * every context; a pick, an alias or a wait that says none is meant in the
 * first, as a bare name is.
 */

import type { ServiceRecord } from '../cluster/index.ts';

export interface NamespaceChoice {
  readonly context?: string;
  readonly namespace: string;
}

/** One thing of a cluster by kind and name; without a namespace, in the context's first one. */
export interface Target {
  readonly context?: string;
  readonly namespace?: string;
  readonly kind: ServiceRecord['kind'];
  readonly name: string;
}

/** A name of the user's own for a Service. */
export interface Alias {
  readonly name: string;
  readonly target: Target;
}

/** What must have ready endpoints before the command starts. */
export interface Wait {
  readonly target: Target;
  readonly timeoutMs: number;
}

/** A target as the user writes it. */
export function targetText({ context, namespace, kind, name }: Target): string {
  const short = { Service: 'svc', Pod: 'pod', Deployment: 'deploy', StatefulSet: 'sts' }[kind];
  return [context, namespace, short, name].filter((part) => part !== undefined).join('/');
}
