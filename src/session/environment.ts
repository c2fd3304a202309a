/**
 * The command's environment: its caller's; which sandbox it is in; the kubeconfig
 * that is meant; and where an HTTP proxy is named, what is not to go there.
 */

import type { ConnectedContexts, ContextAccess } from './contexts.ts';
import type { Alias } from './choices.ts';
import { hostExceptions } from './api-server/open.ts';
import { withoutCredentials } from './credential-files.ts';
import type { CommandKubeconfig } from './kubeconfig.ts';
import { type Environment, exceptFromProxy, namesProxy } from './proxy-exceptions.ts';

export interface EnvironmentOptions {
  readonly name: string;
  readonly cidr: string;
  readonly cidr6: string;
  readonly clusterDomain: string;
  readonly apiServer: boolean;
  readonly aliases: readonly Alias[];
  readonly hideKubeconfig: boolean;
}

/** What there is to know of the contexts before they are connected, and after. */
export interface EnvironmentParts {
  readonly contexts: readonly ContextAccess[];
  readonly connecting: Promise<ConnectedContexts>;
  readonly kubeconfig: CommandKubeconfig;
}

/** Waits for the Services only where their names are needed. @param caller the environment of who runs the command */
export async function commandEnvironment(
  caller: Environment,
  { contexts: [first], connecting, kubeconfig }: EnvironmentParts,
  { name, cidr, cidr6, clusterDomain, apiServer, aliases, hideKubeconfig }: EnvironmentOptions,
): Promise<Environment> {
  const env = {
    ...(hideKubeconfig ? withoutCredentials(caller) : kubeconfig.lead(caller)),
    KNS_ROOTLESS: name,
    KNS_ROOTLESS_CONTEXT: first.name,
    KNS_ROOTLESS_NAMESPACE: first.namespaces[0],
  };
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
