/**
 * Several kubeconfig files as one text that may lie anywhere.
 *
 * The first file to name an entry has it, as everywhere; relative paths are from
 * the folder of their file. kubectl reads a list of files just so, but the client
 * libraries of other languages do not agree: to some a name that is twice is an
 * error, some take the last current context, some read the first file alone.
 */

import { dirname, resolve } from 'node:path';
import { commandPath } from './entries.ts';
import { at, isMapping, items, type Mapping, strings, text, type Yaml } from './fields.ts';
import { firstOfEach, type KubeconfigFile } from './kubeconfig.ts';

/** In `extensions` of such a text: which files it was made of. */
const SOURCES = 'kns-rootless/sources';

/** Where what a file says is from: elsewhere, if it is such a text, else the file itself. */
export function sourcesOf({ path, root }: KubeconfigFile): readonly string[] {
  const found = items(at(root, 'extensions')).find((item) => text(at(item, 'name')) === SOURCES);
  return found === undefined ? [path] : strings(at(at(found, 'extension'), 'files'));
}

/** A context as it is to be, in the place of what the files say of it. */
export interface ChosenContext {
  readonly name: string;
  readonly cluster: string;
  readonly user: string;
  readonly namespace: string;
}

/** @returns JSON, and so YAML; the first of `chosen` is the current context */
export function standaloneKubeconfig(
  files: readonly KubeconfigFile[],
  chosen: readonly [ChosenContext, ...ChosenContext[]],
): string {
  const named = (list: string, key: string, absolute: (entry: Mapping, folder: string) => Mapping) =>
    firstOfEach(files.map((file) => namedIn(file, list, key, absolute)));
  const contexts = named('contexts', 'context', (entry) => entry);
  for (const { name, ...context } of chosen) {
    const given = contexts.get(name) ?? null;
    contexts.set(name, { ...(isMapping(given) ? given : {}), ...context });
  }
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: listOf(named('clusters', 'cluster', withPaths('certificate-authority')), 'cluster'),
    users: listOf(named('users', 'user', userEntry), 'user'),
    contexts: listOf(contexts, 'context'),
    'current-context': chosen[0].name,
    extensions: [{ name: SOURCES, extension: { files: files.flatMap((file) => sourcesOf(file)) } }],
  };
  return `${JSON.stringify(config, null, 2)}\n`;
}

function namedIn(
  { path, root }: KubeconfigFile,
  list: string,
  key: string,
  absolute: (entry: Mapping, folder: string) => Mapping,
): Map<string, Yaml> {
  const found = items(at(root, list)).map((item): [string, Yaml] => {
    const entry = at(item, key);
    return [text(at(item, 'name')), isMapping(entry) ? absolute(entry, dirname(path)) : entry];
  });
  return new Map(found);
}

function userEntry(entry: Mapping, folder: string): Mapping {
  const user = withPaths('client-certificate', 'client-key', 'tokenFile')(entry, folder);
  const exec = at(entry, 'exec');
  const command = commandPath(text(at(exec, 'command')), folder);
  return isMapping(exec) && command !== '' ? { ...user, exec: { ...exec, command } } : user;
}

function withPaths(...fields: readonly string[]) {
  return (entry: Mapping, folder: string): Mapping => {
    const paths = fields.map((field) => [field, text(at(entry, field))] as const);
    const given = paths.filter(([, path]) => path !== '');
    return { ...entry, ...Object.fromEntries(given.map(([field, path]) => [field, resolve(folder, path)])) };
  };
}

function listOf(byName: ReadonlyMap<string, Yaml>, key: string): Yaml[] {
  return [...byName].map(([name, entry]) => ({ name, [key]: entry }));
}
