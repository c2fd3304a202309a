/** What is to be met at a port of the host, as it is at the moment: `-p 8080:svc/web:80`. */

import { UsageError } from '../errors.ts';
import { type PublishedTarget, type Target, targetText } from './choices.ts';
import { type ContextAccess, type ContextOptions, picksOf } from './contexts.ts';
import { findTarget, type FoundTarget, type KnownContext } from './find-target.ts';
import { targetPort } from './target-port.ts';

/** Where it is, or why it is nowhere yet, to be read behind its name. */
export type FoundPublished =
  | { readonly found: FoundTarget; readonly port: number }
  | { readonly absence: string };

/**
 * @param text the target as the user writes it
 *
 * Throws `PUBLISH_PORT_UNKNOWN`, and `PUBLISH_TARGET_UNSELECTED` of what is not there and never comes
 */
export function findPublished(
  { target, port }: PublishedTarget,
  context: KnownContext,
  {
    selection,
    text,
  }: { readonly selection: Pick<ContextOptions, 'selector' | 'picks'>; readonly text: string },
): FoundPublished {
  const found = findTarget(target, context);
  if (found === undefined) return { absence: absenceOf(target, context, { selection, text }) };
  return { found, port: targetPort(found, port, { cluster: context.cluster, text }) };
}

/** A pod that is not picked comes by a headless Service alone: where none is picked, it never does. */
function absenceOf(
  { namespace: named, kind }: Target,
  context: KnownContext,
  { selection: { selector, picks }, text }: Parameters<typeof findPublished>[2],
): string {
  const { cluster, namespaces } = context;
  const namespace = named ?? namespaces[0];
  if (kind === 'Pod') {
    const mayCome =
      picksOf(context, picks).length === 0 ||
      cluster.services.some((one) => one.namespace === namespace && one.headless);
    if (!mayCome)
      throw new UsageError(
        'PUBLISH_TARGET_UNSELECTED',
        `--publish: ${text} is not picked, and of no headless Service that is`,
        `add --pick ${text}`,
      );
    return `is of no headless Service here yet (any other pod: --pick ${text})`;
  }
  return selector === undefined ? 'is not there yet' : `is not there yet, or not matched by -l ${selector}`;
}

/** Its namespace is told, and its context where there are several. */
export function wholeText(target: Target, { name, namespaces }: ContextAccess, areSeveral: boolean): string {
  const { namespace = namespaces[0] } = target;
  return targetText({ ...(areSeveral ? { context: name } : {}), ...target, namespace });
}

/** What is not selected never comes. Throws `PUBLISH_TARGET_UNSELECTED` */
export function mustBeSelected(
  contexts: readonly ContextAccess[],
  { publishedTargets, allNamespaces, picks }: ContextOptions,
): void {
  for (const { target } of publishedTargets) {
    const { context, kind, name } = target;
    const access = contexts.find((one) => (context === undefined ? one.isFirst : one.name === context));
    if (access === undefined) continue;
    const { namespaces } = access;
    const { namespace = namespaces[0] } = target;
    const mine = picksOf(access, picks);
    const isPicked = mine.some(
      (pick) =>
        (pick.namespace ?? namespaces[0]) === namespace &&
        // A headless Service brings its pods.
        ((pick.kind === kind && pick.name === name) || (pick.kind === 'Service' && kind === 'Pod')),
    );
    const isListed =
      mine.length === 0 &&
      (kind === 'Service' || kind === 'Pod') &&
      (allNamespaces || namespaces.includes(namespace));
    if (isPicked || isListed) continue;
    const text = targetText(target);
    throw new UsageError(
      'PUBLISH_TARGET_UNSELECTED',
      `--publish: ${text} is not among what is selected of context ${access.name}`,
      mine.length > 0 || kind !== 'Service'
        ? `add --pick ${text}`
        : `choose its namespace as well: ${[...namespaces, namespace].map((one) => `-n ${one}`).join(' ')}`,
    );
  }
}
