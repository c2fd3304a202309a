/**
 * The kubeconfig of the command: what kubectl means inside is what the names are of.
 *
 * Where the options choose otherwise than the kubeconfig does by itself, the
 * command has a file of the sandbox's own in the place of the user's: all that
 * these say, with the contexts as they were chosen. It lies in the memory of the
 * sandbox alone, and has nothing of a file that the command is not to see.
 */

import { statSync } from 'node:fs';
import { delimiter } from 'node:path';
import { absolutePath, KUBECONFIG_FILE, type Sandbox } from '../../sandbox/index.ts';
import { candidateFiles, sourcesOf, standaloneKubeconfig } from '../cluster/index.ts';
import type { ContextAccess } from './contexts.ts';
import type { Environment } from './proxy-exceptions.ts';

interface Made {
  /** Those that kubectl is to read, in this order, by their whole paths; none where the user has none. */
  readonly paths: readonly string[];
  /** Of the sandbox's own file, where there is to be one. */
  readonly text: string | undefined;
}

export class CommandKubeconfig {
  readonly #contexts: readonly ContextAccess[];
  readonly #visible: () => (file: string) => boolean;
  #lazy: Made | undefined;

  /** Made when it is first asked for. @param visible called where it matters; tells whether the command sees a file */
  constructor(contexts: readonly ContextAccess[], visible: () => (file: string) => boolean) {
    this.#contexts = contexts;
    this.#visible = visible;
  }

  /** The environment of a command, where that leads kubectl to other files than these. */
  lead(env: Environment): Environment {
    const { paths } = this.#made;
    const theirs = candidateFiles(undefined, env).join(delimiter);
    const list = paths.join(delimiter);
    return paths.length === 0 || theirs === list ? env : { ...env, KUBECONFIG: list };
  }

  write({ kubeconfig }: Pick<Sandbox['files'], 'kubeconfig'>): void {
    const { text } = this.#made;
    if (text !== undefined) kubeconfig.write(text);
  }

  get #made(): Made {
    this.#lazy ??= this.#make();
    return this.#lazy;
  }

  #make(): Made {
    const [first, ...others] = this.#contexts;
    const { paths, files, currentContext } = first.access.kubeconfig;
    const isChosen = first.name !== currentContext || this.#contexts.some((context) => isChanged(context));
    const shows = isChosen || files.some(({ path }) => !staysThere(path)) ? this.#visible() : () => false;
    const shown = files.filter((file) => sourcesOf(file).every(shows));
    // Where the command sees none of them, what it finds at their paths is meant.
    if (shown.length === 0) return { paths: paths.map((file) => absolutePath(file)), text: undefined };
    const text = standaloneKubeconfig(shown, [chosen(first), ...others.map(chosen)]);
    return { paths: [KUBECONFIG_FILE], text };
  }
}

/** What a shell has made of `<(…)` is read once; and the file of a sandbox that this one is in is hidden in this one. */
function staysThere(file: string): boolean {
  return file !== KUBECONFIG_FILE && (statSync(file, { throwIfNoEntry: false })?.isFile() ?? false);
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
