/** The rights of the account, each by verb, resource and namespace, and which of those that a run uses are missing. */

import type { Selection } from '../../../cluster/index.ts';
import { type Check, failed, ok, warning } from '../../check.ts';
import type { ClusterContext } from '../context.ts';
import { Reviewer } from './review.ts';
import { type Right, rightText } from './right.ts';
import { roleFor } from './role.ts';
import { joined, missedText, reviewPick, reviewScope, type Verdict } from './scope.ts';

const NAMESPACES: Right = { verb: 'list', group: '', resource: 'namespaces' };

export const rights: Check<ClusterContext> = {
  id: 'rights',
  title: 'rights',
  needs: ['api-server'],
  timeoutMs: 60_000,
  async run(cluster) {
    const [{ access }, selection, api] = await Promise.all([
      cluster.context(),
      cluster.selection(),
      cluster.api(),
    ]);
    const reviewer = new Reviewer(api);
    const verdict = await review(reviewer, selection);
    const facts = {
      by: reviewer.way,
      held: verdict.held.map((right) => rightText(right)),
      missing: [...verdict.needed, ...verdict.missed.map(({ right }) => right)].map((right) =>
        rightText(right),
      ),
    };
    const { needed, missed } = verdict;
    if (needed.length > 0 && cluster.options.allNamespaces && (await reviewer.may(NAMESPACES))) {
      return warning(
        `the account may not ${listOf(needed)}: Services are listed namespace by namespace, where it may`,
        'name the namespaces with -n, or ask for a cluster role',
        { facts },
      );
    }
    if (needed.length > 0) {
      const spelling = cluster.options.allNamespaces ? '' : 'check the spelling of -n, and ';
      return failed(
        {
          code: 'FORBIDDEN',
          message: `the account of context "${access.contextName}" may not ${listOf(needed)}`,
          remedy: `${spelling}ask for a role such as this, bound to the account`,
        },
        { facts, notes: roleFor(needed) },
      );
    }
    if (missed.length > 0) {
      const message = `enough, but the account may not ${missed.map((one) => missedText(one)).join('; ')}`;
      return warning(message, 'ask for these verbs as well, or do without', { facts });
    }
    const how = reviewer.way === 'asked' ? 'the server was asked' : 'tried out';
    return ok(`all that a run uses are there (${how})`, { facts });
  },
};

function review(reviewer: Reviewer, { namespaces, allNamespaces, picks = [] }: Selection): Promise<Verdict> {
  if (picks.length > 0)
    return joined(
      picks.map(({ namespace = namespaces[0], kind, name }) =>
        reviewPick(reviewer, { namespace, kind, name }),
      ),
    );
  const places = allNamespaces ? [{}] : namespaces.map((namespace) => ({ namespace }));
  return joined(places.map((place) => reviewScope(reviewer, place)));
}

function listOf(rights: readonly Right[]): string {
  return rights.map((right) => rightText(right)).join(', ');
}
