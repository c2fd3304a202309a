/**
 * The kubeconfig of the command: what kubectl means inside is what the names are of.
 *
 * Where the options choose otherwise than the kubeconfig does by itself, the
 * command has a file of the sandbox's own in the place of the user's: all that
 * these say, with the contexts as they were chosen. It lies in the memory of the
 * sandbox alone, and has nothing of a file that the command is not to see.
 */

import path from 'node:path';
import { absolutePath, KUBECONFIG_FILE, type Sandbox } from '../../sandbox/index.ts';
import { candidateFiles, standaloneKubeconfig } from '../cluster/index.ts';
import type { ContextAccess } from './contexts.ts';
import type { Environment } from './proxy-exceptions.ts';

export class CommandKubeconfig {
  /** Those that kubectl is to read, in this order, by their whole paths; none where the user has none. */
  readonly paths: readonly string[];
  readonly #contexts: readonly ContextAccess[];

  constructor(contexts: readonly ContextAccess[]) {
    const { currentContext } = contexts[0].access.kubeconfig;
    const paths = contexts[0].access.kubeconfig.paths.map((file) => absolutePath(file));
    const isOwn = contexts[0].name !== currentContext || contexts.some((context) => isChanged(context));
    this.paths = isOwn && paths.length > 0 ? [KUBECONFIG_FILE] : paths;
    this.#contexts = contexts;
  }

  /** The environment of a command, where that leads kubectl to other files than these. */
  lead(env: Environment): Environment {
    const theirs = candidateFiles(undefined, env).join(path.delimiter);
    const list = this.paths.join(path.delimiter);
    return this.paths.length === 0 || theirs === list ? env : { ...env, KUBECONFIG: list };
  }

  /** Writes the sandbox's own file, if there is to be one. */
  write({ files, shows }: Pick<Sandbox, 'files' | 'shows'>): void {
    if (!this.paths.includes(KUBECONFIG_FILE)) return;
    const [first, ...others] = this.#contexts;
    const shown = first.access.kubeconfig.files.filter((file) => shows(file.path));
    // Without any, there is none for kubectl either.
    if (shown.length > 0)
      files.kubeconfig.write(standaloneKubeconfig(shown, [chosen(first), ...others.map(chosen)]));
  }
}

function isChanged({ access, namespaces }: ContextAccess): boolean {
  const { clusterName, userName, namespace, kubeconfig } = access;
  return (
    namespaces[0] !== namespace || clusterName !== kubeconfig.clusterName || userName !== kubeconfig.userName
  );
}

function chosen({ name, access, namespaces }: ContextAccess) {
  return { name, cluster: access.clusterName, user: access.userName, namespace: namespaces[0] };
}
