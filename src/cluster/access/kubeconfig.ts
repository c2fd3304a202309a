/**
 * Which kubeconfig files there are, and how several become one.
 *
 * The rules are kubectl's ("Organizing Cluster Access Using kubeconfig
 * Files"): --kubeconfig alone; else the files of $KUBECONFIG, where the first
 * file that names a cluster, user, context or current-context wins, and a file
 * that does not exist is skipped; else ~/.kube/config; else the service account
 * of the pod we run in.
 */
import { readFileSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { codeOf } from '../../system-error.ts';
import { ClusterError, reasonOf } from '../errors.ts';
import { type KubeconfigDocument, invalidFile, type ParsedKubeconfig, parseKubeconfig } from './document.ts';
import { serviceAccount } from './service-account.ts';
import type { Yaml } from './fields.ts';

export interface KubeconfigFile {
  /** Absolute. */
  readonly path: string;
  /** All of it, as it is written. */
  readonly root: Yaml;
}

export interface Kubeconfig extends KubeconfigDocument {
  /** In the order in which they count, there or not; none for a pod's own account. */
  readonly paths: readonly string[];
  /** Those that are there. */
  readonly files: readonly KubeconfigFile[];
}

/** @param serviceAccountFolder where a pod's own account is mounted */
export async function loadKubeconfig(
  explicitFile: string | undefined,
  env: NodeJS.ProcessEnv,
  serviceAccountFolder: string | undefined,
): Promise<Kubeconfig> {
  const paths = candidateFiles(explicitFile, env);
  const found = await Promise.all(paths.map((file) => readKubeconfig(file)));
  const documents = found.filter((document) => document !== undefined);
  if (documents.length > 0) {
    const files = found.flatMap((document, i) =>
      document ? [{ path: resolve(paths[i]), root: document.root }] : [],
    );
    return { ...merged(documents), paths, files };
  }
  const ownAccount = explicitFile === undefined ? await serviceAccount(env, serviceAccountFolder) : undefined;
  if (ownAccount) return { ...ownAccount, paths: [], files: [] };
  throw new ClusterError(
    'KUBECONFIG_MISSING',
    `there is no kubeconfig: ${paths.join(', ')} ${paths.length === 1 ? 'does' : 'do'} not exist`,
    'name one with --kubeconfig or $KUBECONFIG, or try without a cluster: kns-rootless --demo',
  );
}

/** @returns undefined where there is no such file */
async function readKubeconfig(file: string): Promise<ParsedKubeconfig | undefined> {
  let content: string;
  try {
    content = readFileSync(file, 'utf8');
  } catch (cause) {
    const code = codeOf(cause);
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    if (code !== 'EACCES') throw invalidFile(file, reasonOf(cause), cause);
    throw new ClusterError(
      'KUBECONFIG_INVALID',
      `${file} may not be read by this user`,
      `make it readable to yourself alone, or copy it: sudo install -m 600 -o "$USER" ${file} ~/.kube/config`,
      { cause },
    );
  }
  return parseKubeconfig(content, file);
}

/**
 * What would be another if one of them had been written; undefined where one is no regular file: a named pipe would
 * be waited for.
 */
export function fileState(paths: readonly string[]): string | undefined {
  const states = paths.map((path) => {
    try {
      const state = statSync(path);
      return state.isFile() ? `${state.ino} ${state.size} ${state.mtimeMs}` : undefined;
    } catch (error) {
      return codeOf(error);
    }
  });
  return states.includes(undefined) ? undefined : states.join('\n');
}

/** Those that are looked for, in the order in which they count. */
export function candidateFiles(explicitFile: string | undefined, env: NodeJS.ProcessEnv): string[] {
  if (explicitFile !== undefined) return [explicitFile];
  const listed = (env['KUBECONFIG'] ?? '').split(delimiter).filter((file) => file !== '');
  return listed.length > 0 ? [...new Set(listed)] : [join(env['HOME'] ?? homedir(), '.kube', 'config')];
}

/** The first to name something has it, whole: what a later file says of it is not added. */
function merged(documents: readonly KubeconfigDocument[]): KubeconfigDocument {
  return {
    clusters: firstOfEach(documents.map(({ clusters }) => clusters)),
    users: firstOfEach(documents.map(({ users }) => users)),
    contexts: firstOfEach(documents.map(({ contexts }) => contexts)),
    currentContext: documents.map(({ currentContext }) => currentContext).find((name) => name !== '') ?? '',
  };
}

export function firstOfEach<T>(maps: readonly ReadonlyMap<string, T>[]): Map<string, T> {
  const first = new Map<string, T>();
  for (const [name, entry] of maps.flatMap((map) => [...map])) if (!first.has(name)) first.set(name, entry);
  return first;
}
