/** One kubeconfig file: its entries by name. Relative paths in a text that is no file's start in the working directory. */
import type { Context } from '@kubernetes/client-node';
import { dirname, resolve } from 'node:path';
import { ClusterError, reasonOf } from '../errors.ts';
import { type ClusterEntry, type UserEntry, readCluster, readContext, readUser } from './entries.ts';
import { at, isMapping, items, text, type Yaml } from './fields.ts';

export interface KubeconfigDocument {
  readonly clusters: ReadonlyMap<string, ClusterEntry>;
  readonly users: ReadonlyMap<string, UserEntry>;
  readonly contexts: ReadonlyMap<string, Context>;
  readonly currentContext: string;
}

export interface ParsedKubeconfig extends KubeconfigDocument {
  /** All of it, as it is written. */
  readonly root: Yaml;
}

/** @param file where the text is from, '' for nowhere; errors name it, and relative paths start in its folder */
export async function parseKubeconfig(content: string, file: string): Promise<ParsedKubeconfig> {
  // Loaded when there is something to parse: `--help` should not wait for it.
  const { parseYaml } = await import('./yaml.ts');
  let root: Yaml;
  try {
    root = parseYaml(content);
  } catch (cause) {
    throw invalidFile(file, reasonOf(cause), cause);
  }
  // An empty file is an empty kubeconfig, as for kubectl.
  if (root !== null && !isMapping(root)) {
    throw invalidFile(file, 'it is no mapping');
  }
  const kind = text(at(root, 'kind'));
  if (kind !== '' && kind !== 'Config') throw invalidFile(file, `it is of the kind "${kind}"`);
  const folder = file === '' ? '' : dirname(resolve(file));
  const named = <T>(
    list: string,
    key: string,
    read: (name: string, entry: Yaml) => T | undefined,
  ): Map<string, T> => {
    const byName = new Map<string, T>();
    for (const item of items(at(root, list))) {
      const name = text(at(item, 'name'));
      if (byName.has(name)) throw invalidFile(file, `the name "${name}" is twice in "${list}"`);
      const entry = read(name, at(item, key));
      if (entry) byName.set(name, entry);
    }
    return byName;
  };
  return {
    clusters: named('clusters', 'cluster', (name, entry) => readCluster(name, entry, folder)),
    users: named('users', 'user', (name, entry) => readUser(name, entry, folder, file)),
    contexts: named('contexts', 'context', readContext),
    currentContext: text(at(root, 'current-context')),
    root,
  };
}

export function invalidFile(file: string, why: string, cause?: unknown): ClusterError {
  return new ClusterError(
    'KUBECONFIG_INVALID',
    `${file === '' ? 'the kubeconfig' : file} is not a valid kubeconfig: ${why}`,
    `correct the file, and check it with: kubectl --kubeconfig ${file === '' ? 'FILE' : file} config view`,
    { cause },
  );
}
