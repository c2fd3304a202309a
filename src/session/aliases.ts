/**
 * Names of the user's own: `--alias api.example.com=svc/web`.
 *
 * An alias has the addresses of what it stands for, so that a certificate's own
 * host name can be used. It must be there at the start, lest a typing error go
 * unnoticed; that it goes and comes back later is no matter.
 */

import { UsageError } from '../errors.ts';
import { type Alias, type Target, targetText } from './choices.ts';
import type { ConnectedContexts } from './contexts.ts';
import { findTarget, type FoundTarget, type KnownContext } from './find-target.ts';
import type { Directory } from './routing/directory.ts';

/** How many of the things that there are an error names. */
const MAX_SUGGESTIONS = 8;

/** Throws `ALIAS_TARGET_UNKNOWN` and `ALIAS_TWICE`. */
export function addAliases(
  aliases: readonly Alias[],
  contexts: ConnectedContexts,
  directory: Pick<Directory, 'addAlias'>,
): void {
  mustBeDistinct(aliases);
  for (const { name, target } of aliases) {
    const context = contexts.find(target.context);
    const { service, podLabel } = findAliased(target, context);
    directory.addAlias(name, {
      context,
      namespace: service.namespace,
      name: service.name,
      ...(podLabel !== undefined && { podLabel }),
    });
  }
}

/** Throws `ALIAS_TWICE`. */
export function mustBeDistinct(aliases: readonly Alias[]): void {
  const given = new Set<string>();
  for (const { name } of aliases) {
    if (given.has(name)) {
      throw new UsageError(
        'ALIAS_TWICE',
        `--alias: ${name} is given twice`,
        'let it stand for one thing, or give each a name of its own',
      );
    }
    given.add(name);
  }
}

/** What an alias stands for. Throws `ALIAS_TARGET_UNKNOWN`. */
export function findAliased(target: Target, context: KnownContext): FoundTarget {
  const found = findTarget(target, context);
  if (found === undefined) throw unknown(target, context);
  return found;
}

function unknown(target: Target, { access, cluster, namespaces }: KnownContext): UsageError {
  const { namespace = namespaces[0] } = target;
  const there = cluster.services.filter((service) => service.namespace === namespace);
  const names = there.slice(0, MAX_SUGGESTIONS).map(({ name }) => name);
  const rest = there.length > names.length ? `, and ${there.length - names.length} more` : '';
  const among =
    target.kind === 'Pod'
      ? `no headless Service of namespace ${namespace} has such a pod, and it is not picked`
      : `namespace ${namespace} has ${names.join(', ') || 'none'}${rest}`;
  return new UsageError(
    'ALIAS_TARGET_UNKNOWN',
    `--alias: there is no ${targetText(target)} in context ${access.contextName}: ${among}`,
    'correct the name, choose its namespace with -n, or --pick it',
  );
}
