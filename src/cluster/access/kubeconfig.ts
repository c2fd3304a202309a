/**
 * Which kubeconfig files there are, and how several become one.
 *
 * The rules are kubectl's ("Organizing Cluster Access Using kubeconfig
 * Files"): --kubeconfig alone; else the files of $KUBECONFIG, where the first
 * file that names a cluster, user, context or current-context wins, and a file
 * that does not exist is skipped; else ~/.kube/config; else the service account
 * of the pod we run in. Parsing, credentials and TLS files are left to
 * client-node's KubeConfig; its own merging is not used, since it lets the
 * last current-context win and throws on missing files and repeated names.
 */
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { KubeConfig } from '@kubernetes/client-node/dist/config.js';
import { ClusterError, reasonOf } from '../errors.ts';

const SERVICE_ACCOUNT_TOKEN = '/var/run/secrets/kubernetes.io/serviceaccount/token';

export async function loadKubeConfig(
  explicitFile: string | undefined,
  env: NodeJS.ProcessEnv,
): Promise<KubeConfig> {
  // Imported here, and no more than this one module: it takes longer to load
  // than all the rest together, and `--help` should not wait for it.
  const { KubeConfig } = await import('@kubernetes/client-node/dist/config.js');

  const files = candidateFiles(explicitFile, env);
  const loaded = files
    .filter((file) => existsSync(file))
    .map((file) => {
      const config = new KubeConfig();
      try {
        config.loadFromFile(file);
      } catch (cause) {
        if (cause instanceof Error && 'code' in cause && cause.code === 'EACCES') {
          throw new ClusterError(
            'KUBECONFIG_INVALID',
            `${file} may not be read by this user`,
            `make it readable to yourself alone, or copy it: sudo install -m 600 -o "$USER" ${file} ~/.kube/config`,
            { cause },
          );
        }
        throw new ClusterError(
          'KUBECONFIG_INVALID',
          `${file} is not a valid kubeconfig: ${reasonOf(cause)}`,
          `correct the file, and check it with: kubectl --kubeconfig ${file} config view`,
          { cause },
        );
      }
      return config;
    });

  const merged = new KubeConfig();
  if (loaded.length > 0) {
    merged.loadFromOptions({
      clusters: firstOfEachName(loaded.flatMap((config) => config.clusters)),
      users: firstOfEachName(loaded.flatMap((config) => config.users)),
      contexts: firstOfEachName(loaded.flatMap((config) => config.contexts)),
      currentContext: loaded.map((config) => config.currentContext).find(Boolean),
    });
  } else if (
    explicitFile === undefined &&
    env['KUBERNETES_SERVICE_HOST'] !== undefined &&
    existsSync(SERVICE_ACCOUNT_TOKEN)
  ) {
    merged.loadFromCluster();
  } else {
    throw new ClusterError(
      'KUBECONFIG_MISSING',
      `there is no kubeconfig: ${files.join(', ')} ${files.length === 1 ? 'does' : 'do'} not exist`,
      'name one with --kubeconfig or $KUBECONFIG, or try without a cluster: kns-rootless --demo',
    );
  }
  return merged;
}

export async function parseKubeConfig(text: string): Promise<KubeConfig> {
  const { KubeConfig } = await import('@kubernetes/client-node/dist/config.js');
  const config = new KubeConfig();
  config.loadFromString(text);
  return config;
}

function candidateFiles(explicitFile: string | undefined, env: NodeJS.ProcessEnv): string[] {
  if (explicitFile !== undefined) return [explicitFile];
  const listed = (env['KUBECONFIG'] ?? '').split(delimiter).filter((file) => file !== '');
  return listed.length > 0 ? listed : [join(env['HOME'] ?? homedir(), '.kube', 'config')];
}

function firstOfEachName<T extends { name: string }>(entries: T[]): T[] {
  const byName = new Map<string, T>();
  for (const entry of entries) if (!byName.has(entry.name)) byName.set(entry.name, entry);
  return [...byName.values()];
}
