/**
 * What a user chooses of the clusters: namespaces, picks, aliases, waits, ports of the host.
 *
 * Each may say which context it means. A namespace that says none is meant in
 * every context; all else that says none is meant in the first, as a bare name is.
 */

import type { ServiceRecord } from '../cluster/index.ts';
import type { ProxyHeader } from '../publish/index.ts';

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

/** What is to be met at a port of the host. */
export interface PublishedTarget {
  readonly kind: 'target';
  /** Of the host; undefined is its loopback, 127.0.0.1 and ::1. */
  readonly address?: string;
  /** 0 has a free one chosen. */
  readonly hostPort: number;
  readonly target: Target;
  /** By number or by name; undefined is the only one that there is. */
  readonly port?: number | string;
  readonly proxyHeader?: ProxyHeader;
}

/** A target as the user writes it. */
export function targetText({ context, namespace, kind, name }: Target): string {
  const short = { Service: 'svc', Pod: 'pod', Deployment: 'deploy', StatefulSet: 'sts' }[kind];
  return [context, namespace, short, name].filter((part) => part !== undefined).join('/');
}
