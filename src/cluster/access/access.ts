/** The cluster that the user means, and the right to speak to it. */
import { readFileSync } from 'node:fs';
import type { KubeConfig } from '@kubernetes/client-node/dist/config.js';
import type { Cluster } from '@kubernetes/client-node/dist/config_types.js';
import type tls from 'node:tls';
import { ClusterError } from '../errors.ts';
import type { Authenticator } from './credentials/authenticator.ts';
import { KubeConfigAuthenticator } from './credentials/kube-config.ts';
import { loadKubeConfig, parseKubeConfig } from './kubeconfig.ts';

export interface AccessOptions {
  /** A file given by the user; without it $KUBECONFIG, ~/.kube/config or the pod's own account. */
  kubeconfig?: string;
  /** A whole kubeconfig, instead of any file. */
  kubeconfigText?: string;
  /** A context given by the user; without it the kubeconfig's current one. */
  context?: string;
}

export interface ClusterAccess {
  readonly contextName: string;
  /** The kubeconfig's name of the cluster; it stays where the server's address changes (a local cluster's port). */
  readonly clusterName: string;
  /** The context's namespace, else "default". */
  readonly namespace: string;
  /** The API server's URL, with its path prefix if it has one. */
  readonly server: URL;
  /** How the server is to be known: authority, name. */
  readonly tls: tls.SecureContextOptions & { servername?: string; rejectUnauthorized?: boolean };
  readonly authenticator: Authenticator;
}

export async function loadAccess(
  options: AccessOptions,
  env: NodeJS.ProcessEnv = process.env,
): Promise<ClusterAccess> {
  const kubeConfig =
    options.kubeconfigText === undefined
      ? await loadKubeConfig(options.kubeconfig, env)
      : await parseKubeConfig(options.kubeconfigText);
  const contextName = options.context ?? kubeConfig.currentContext;
  if (!contextName) {
    throw new ClusterError(
      'CONTEXT_UNKNOWN',
      'the kubeconfig has no current context',
      `choose one with --context: ${contextList(kubeConfig)}`,
    );
  }
  const context = kubeConfig.contexts.find(({ name }) => name === contextName);
  if (!context) {
    throw new ClusterError(
      'CONTEXT_UNKNOWN',
      `the kubeconfig has no context "${contextName}"`,
      `choose one with --context: ${contextList(kubeConfig)}`,
    );
  }
  kubeConfig.setCurrentContext(contextName);

  const cluster = kubeConfig.getCurrentCluster();
  if (!cluster) {
    throw new ClusterError(
      'KUBECONFIG_INVALID',
      `context "${contextName}" names the cluster "${context.cluster}", which the kubeconfig does not have`,
      'correct the context, or choose another with --context',
    );
  }
  if (context.user && !kubeConfig.getCurrentUser()) {
    throw new ClusterError(
      'KUBECONFIG_INVALID',
      `context "${contextName}" names the user "${context.user}", which the kubeconfig does not have`,
      'correct the context, or choose another with --context',
    );
  }
  const server = URL.canParse(cluster.server) ? new URL(cluster.server) : undefined;
  if (server?.protocol !== 'https:' && server?.protocol !== 'http:') {
    throw new ClusterError(
      'KUBECONFIG_INVALID',
      `the server of cluster "${cluster.name}" is no http or https URL: ${cluster.server}`,
      `correct it: kubectl config set-cluster ${cluster.name} --server=https://…`,
    );
  }
  if (server.protocol === 'http:') {
    // client-node refuses plain http (as `kubectl proxy` serves it) unless told
    // not to verify TLS, of which there is none.
    const index = kubeConfig.clusters.findIndex(({ name }) => name === cluster.name);
    kubeConfig.clusters[index] = { ...cluster, skipTLSVerify: true };
  }
  return {
    contextName,
    clusterName: cluster.name,
    namespace: context.namespace || 'default',
    server,
    tls: tlsOf(cluster),
    authenticator: new KubeConfigAuthenticator(kubeConfig, contextName),
  };
}

function tlsOf(cluster: Cluster): ClusterAccess['tls'] {
  const ca = cluster.caFile
    ? readFileSync(cluster.caFile)
    : cluster.caData && Buffer.from(cluster.caData, 'base64');
  return {
    ...(ca ? { ca } : {}),
    ...(cluster.tlsServerName ? { servername: cluster.tlsServerName } : {}),
    ...(cluster.skipTLSVerify ? { rejectUnauthorized: false } : {}),
  };
}

function contextList(kubeConfig: KubeConfig): string {
  return kubeConfig.contexts.map(({ name }) => name).join(', ') || '(it has none)';
}
