/** The command's environment: ours, and where that names an HTTP proxy, what is not to go there. */

import type { ConnectedContexts } from './contexts.ts';
import type { Alias } from './choices.ts';
import { hostExceptions } from './api-server/open.ts';
import { withoutCredentials } from './credential-files.ts';
import { type Environment, exceptFromProxy, namesProxy } from './proxy-exceptions.ts';

export interface EnvironmentOptions {
  readonly cidr: string;
  readonly cidr6: string;
  readonly clusterDomain: string;
  readonly apiServer: boolean;
  readonly aliases: readonly Alias[];
  readonly hideKubeconfig: boolean;
}

/** Waits for the Services only where their names are needed. */
export async function commandEnvironment(
  ours: Environment,
  connecting: Promise<ConnectedContexts>,
  { cidr, cidr6, clusterDomain, apiServer, aliases, hideKubeconfig }: EnvironmentOptions,
): Promise<Environment> {
  const env = hideKubeconfig ? withoutCredentials(ours) : ours;
  if (!namesProxy(env)) return env;
  const contexts = await connecting;
  await contexts.read();
  return exceptFromProxy(env, {
    services: contexts.all.flatMap(({ cluster }) => cluster.services),
    domains: ['svc', clusterDomain, ...labelledDomains(contexts, clusterDomain)],
    hosts: [
      ...aliases.map(({ name }) => name),
      ...(apiServer ? ['kubernetes.default', ...hostExceptions(contexts).map(({ host }) => host)] : []),
    ],
    ranges: [cidr, cidr6],
  });
}

/** How the names end that have a context's label. */
function labelledDomains({ all }: ConnectedContexts, clusterDomain: string): string[] {
  if (all.length === 1) return [];
  return all.flatMap(({ label, namespaces }) =>
    ['svc', clusterDomain, ...namespaces].map((ending) => `${ending}.${label}`),
  );
}
