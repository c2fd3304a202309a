/**
 * The kubeconfig of the command: what kubectl means inside is what the names are of.
 *
 * Where the options choose otherwise than the kubeconfig does by itself, a file of
 * the sandbox's own stands in front of the user's in $KUBECONFIG. Of such a list
 * the first file to have a current context decides, and of each context the first
 * that has it ("Organizing Cluster Access Using kubeconfig Files"). It refers to
 * clusters and users by name, so that it holds no credentials, and the user's
 * files, with the paths in them, stay what they are.
 */

import path from 'node:path';
import { KUBECONFIG_FILE } from '../../sandbox/index.ts';
import { candidateFiles } from '../cluster/index.ts';
import type { ContextAccess } from './contexts.ts';
import type { Environment } from './proxy-exceptions.ts';

export interface CommandKubeconfig {
  /** Those that kubectl is to read, in this order; none where the user has none. */
  readonly files: readonly string[];
  /** Of `KUBECONFIG_FILE`, where that is one of them: JSON, and so YAML. */
  readonly text: string | undefined;
}

export function commandKubeconfig(contexts: readonly ContextAccess[]): CommandKubeconfig {
  const [first] = contexts;
  const { files, currentContext } = first.access.kubeconfig;
  const isAsked = first.name !== currentContext || contexts.some((context) => isChanged(context));
  if (files.length === 0 || !isAsked) return { files, text: undefined };
  return {
    // In a sandbox in a sandbox, the outer one's has this name as well; what it says of these contexts is taken over.
    files: [KUBECONFIG_FILE, ...files.filter((file) => file !== KUBECONFIG_FILE)],
    text: overlay(contexts),
  };
}

/** @param env of a command, where it leads kubectl to other files than these */
export function withKubeconfig(env: Environment, { files }: CommandKubeconfig): Environment {
  const theirs = candidateFiles(undefined, env).join(path.delimiter);
  const list = files.join(path.delimiter);
  return files.length === 0 || theirs === list ? env : { ...env, KUBECONFIG: list };
}

function isChanged({ access, namespaces }: ContextAccess): boolean {
  const { clusterName, userName, namespace, kubeconfig } = access;
  return (
    namespaces[0] !== namespace || clusterName !== kubeconfig.clusterName || userName !== kubeconfig.userName
  );
}

function overlay(contexts: readonly ContextAccess[]): string {
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': contexts[0].name,
    contexts: contexts.map(({ name, access, namespaces }) => ({
      name,
      context: { cluster: access.clusterName, user: access.userName, namespace: namespaces[0] },
    })),
  };
  return `${JSON.stringify(config, null, 2)}\n`;
}
