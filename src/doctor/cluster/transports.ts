/**
 * Which ways of port-forwarding the cluster speaks, by trying each on one ready pod.
 *
 * An upgraded connection is opened and closed again. Only `websocket` dials the
 * pod by that, which sees a connection that comes and goes.
 */

import {
  type ApiClient,
  ClusterError,
  DEFAULT_LIMITS,
  type Target,
  TRANSPORTS,
  TransportLadder,
  type TransportName,
} from '../../cluster/index.ts';
import { monotonicMs } from '../../monotonic.ts';
import { type Check, failed, ok, skipped } from '../check.ts';
import type { ClusterContext } from './context.ts';
import { anyTarget } from './services.ts';

interface Tried {
  readonly name: TransportName;
  readonly ms: number;
  readonly error?: ClusterError;
}

export const transports: Check<ClusterContext> = {
  id: 'transports',
  title: 'transports',
  needs: ['services'],
  timeoutMs: 60_000,
  async run(cluster) {
    const [api, discovery] = await Promise.all([cluster.api(), cluster.discovery()]);
    const target = anyTarget(discovery);
    if (target === undefined) return skipped('no Service has a ready pod to try them on');
    const { transport } = cluster.options;
    const names = transport === undefined ? TRANSPORTS : [transport];
    const tried = await Promise.all(names.map((name) => tryOut(name, api, target)));
    const working = tried.filter(({ error }) => error === undefined);
    const facts = {
      pod: `${target.pod.namespace}/${target.pod.name}`,
      works: working.map(({ name }) => name),
    };
    const notes = tried.flatMap(({ name, error }) =>
      error === undefined ? [] : [`not by ${name}: ${error.message}`],
    );
    const errors = tried.flatMap(({ error }) => error ?? []);
    if (working.length === 0) {
      const told = errors.find(({ code }) => code === 'FORBIDDEN') ?? errors[0];
      return failed(told, { notes: errors.length > 1 ? notes : [], facts });
    }
    const [best] = working;
    const all = working.map(({ name, ms }) => `${name} (${ms} ms)`).join(', ');
    return ok(`a run uses ${best.name}; tried on pod ${target.pod.name}: ${all}`, { notes, facts });
  },
};

/** @throws what no user can act on */
async function tryOut(name: TransportName, api: ApiClient, target: Target): Promise<Tried> {
  const start = monotonicMs();
  const ms = () => Math.round(monotonicMs() - start);
  const silent = { debug() {}, info() {}, warn() {} };
  const ladder = new TransportLadder(api, DEFAULT_LIMITS, silent, [name]);
  try {
    const connection = await ladder.connect(target, { onEased() {}, onClosed() {} });
    connection.destroy(new Error('it was tried, and works'));
    return { name, ms: ms() };
  } catch (error) {
    if (error instanceof ClusterError) return { name, ms: ms(), error };
    throw error;
  }
}
