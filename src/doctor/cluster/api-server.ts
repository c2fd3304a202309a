/** The API server: whether it answers to these credentials, how it is reached, and how fast. */

import { answered, ClusterError } from '../../cluster/index.ts';
import { monotonicMs } from '../../monotonic.ts';
import { type Check, failed, ok, warning } from '../check.ts';
import type { ClusterContext } from './context.ts';

const UNAUTHORIZED = 401;
const SERVER_ERROR = 500;
const PATH = '/version';

export const apiServer: Check<ClusterContext> = {
  id: 'api-server',
  title: 'API server',
  needs: ['credentials'],
  timeoutMs: 60_000,
  async run(cluster) {
    const [{ access }, api] = await Promise.all([cluster.context(), cluster.api()]);
    const first = await timed(() => api.get(PATH));
    const { status, message: said, body } = first.answer;
    // Any other answer is one: an account, or a gateway in front, may keep the version to itself.
    if (status === UNAUTHORIZED || status >= SERVER_ERROR) {
      const request = {
        verb: 'get',
        resource: 'version',
        namespace: access.namespace,
        contextName: access.contextName,
      };
      return failed(answered(status, said, request));
    }
    // The connection is there now.
    const next = await timed(() => api.get(PATH));
    const tls = await tlsOf(cluster);
    const version = versionOf(body);
    const { server, proxy } = access;
    const how = [
      ...(server.protocol === 'https:' ? [tls ?? 'TLS'] : ['without TLS']),
      ...(proxy === undefined ? [] : [`through ${proxy.protocol}//${proxy.host}`]),
    ].join(', ');
    const message = `${server.href} is ${version ?? 'there, its version may not be seen'} (${how}), first answer in ${first.ms} ms, then ${next.ms} ms`;
    const facts = {
      server: server.href,
      firstMs: first.ms,
      nextMs: next.ms,
      ...(version === undefined ? {} : { version }),
      ...(tls === undefined ? {} : { tls }),
    };
    if (access.tls.rejectUnauthorized === false) {
      const remedy =
        'name its certificate-authority(-data) in the kubeconfig, in place of insecure-skip-tls-verify: whoever answers is trusted with the credentials';
      return warning(message, remedy, { facts });
    }
    return ok(message, { facts });
  },
};

async function timed<T>(ask: () => Promise<T>): Promise<{ answer: T; ms: number }> {
  const start = monotonicMs();
  const answer = await ask();
  return { answer, ms: Math.round(monotonicMs() - start) };
}

/** A gateway may want a client certificate, and say nothing to who shows none. */
async function tlsOf(cluster: ClusterContext): Promise<string | undefined> {
  try {
    return (await cluster.reading()).tls?.protocol;
  } catch (error) {
    if (error instanceof ClusterError) return undefined;
    throw error;
  }
}

function versionOf(body: unknown): string | undefined {
  const isObject = typeof body === 'object' && body !== null;
  return isObject && 'gitVersion' in body ? `Kubernetes ${String(body.gitVersion)}` : undefined;
}
