/** Whether the namespaces exist. An account with the least rights may not see it, and needs not. */

import { unknownNamespace } from '../../cluster/index.ts';
import { type Check, failed, ok } from '../check.ts';
import type { ClusterContext } from './context.ts';

const NOT_FOUND = 404;
const FORBIDDEN = 403;

export const namespaces: Check<ClusterContext> = {
  id: 'namespaces',
  title: 'namespaces',
  needs: ['api-server'],
  timeoutMs: 60_000,
  async run(cluster) {
    if (cluster.options.allNamespaces) return ok('all that the account may see are meant');
    const [{ access, namespaces: asked }, api] = await Promise.all([cluster.context(), cluster.api()]);
    const statuses = await Promise.all(
      asked.map(async (name) => (await api.get(`/api/v1/namespaces/${encodeURIComponent(name)}`)).status),
    );
    const absent = asked.find((_name, i) => statuses[i] === NOT_FOUND);
    if (absent !== undefined) return failed(unknownNamespace(absent, access));
    const unseen = asked.filter((_name, i) => statuses[i] === FORBIDDEN);
    const seen = asked.filter((name) => !unseen.includes(name));
    const parts = [
      ...(seen.length > 0 ? [`${seen.join(', ')} exists`] : []),
      ...(unseen.length > 0 ? [`whether ${unseen.join(', ')} exists this account may not see`] : []),
    ];
    return ok(parts.join('; '));
  },
};
