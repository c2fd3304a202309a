/**
 * What the user names of the cluster, and a run would look for: what aliases
 * stand for, what is waited for, what is to be met at ports of the host. It is
 * looked for by the code of a run; whether a rule denies it is not looked at.
 */

import { findAliased, mustBeDistinct } from '../../session/aliases.ts';
import type { Target } from '../../session/choices.ts';
import { findPublished, mustBeSelected, wholeText } from '../../session/find-published.ts';
import { findTarget } from '../../session/find-target.ts';
import { type Check, ok, warning } from '../check.ts';
import type { ClusterContext } from './context.ts';

export const targets: Check<ClusterContext> = {
  id: 'targets',
  title: 'what aliases, --wait and -p name',
  needs: ['services'],
  async run(cluster) {
    const { options } = cluster;
    const known = await cluster.known();
    const isOurs = ({ target: { context } }: { readonly target: Target }): boolean =>
      context === undefined ? known.isFirst : context === known.name;
    const textOf = (target: Target): string => wholeText(target, known, options.contexts.length > 1);
    const isThere = (target: Target): boolean => findTarget(target, known) !== undefined;

    mustBeDistinct(options.aliases);
    mustBeSelected([known], options);
    const awaited = options.waits.filter(isOurs).filter(({ target }) => !isThere(target));
    // A run looks for all else once these have come.
    const comes = awaited.map(({ target }) => textOf(target));
    const aliased = options.aliases.filter(isOurs).filter(({ target }) => !comes.includes(textOf(target)));
    for (const { target } of aliased) findAliased(target, known);
    const published = options.publishedTargets.filter(isOurs);
    const absent = published.flatMap((one) => {
      const text = textOf(one.target);
      const there = findPublished(one, known, { selection: options, text });
      return 'absence' in there && !comes.includes(text) ? [`-p: ${text} ${there.absence}`] : [];
    });
    const missing = [...comes.map((text) => `--wait: ${text} is not there yet`), ...absent];
    if (missing.length > 0)
      return warning(missing.join('; '), 'correct the name, unless it is still to come');
    const count = aliased.length + published.length + options.waits.filter(isOurs).length;
    return ok(count === 0 ? 'none is named' : `${count} found`);
  },
};
