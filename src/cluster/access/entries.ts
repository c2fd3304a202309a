/**
 * The entries of a kubeconfig: client-node's reading, and in this file alone what kubectl reads otherwise.
 *
 * Of client-node only `config_types` is loaded, a module that needs no other.
 * It knows the fields and gives them names. What it does not do is done here:
 *
 *     it does not know     tokenFile, as-uid, as-groups, as-user-extra, the extension for login plugins
 *     hands on untyped     exec, auth-provider, and scalars as YAML has them (`namespace: 123`)
 *     leaves relative      paths, which start in the folder of their file
 *     takes a slash off    the server's end, where a plugin is told the server as it is written
 *     refuses              a cluster without server, a context without cluster; kubectl, only their use
 *     leaves undefined     a context's user, which its type says is there
 *     reads at once        `token-file`, which is no field of a kubeconfig
 *
 * test/src/cluster/access/entries.test.ts holds it to each of these. What is not
 * there is undefined or '': both count as absent, as for kubectl.
 */
import {
  ActionOnInvalid,
  type Cluster,
  type Context,
  newClusters,
  newContexts,
  newUsers,
  type User,
} from '@kubernetes/client-node/dist/config_types.js';
import { resolve } from 'node:path';
import { at, flag, items, mapped, strings, text, type Yaml } from './fields.ts';

export interface ClusterEntry extends Cluster {
  /** For login plugins: the extension `client.authentication.k8s.io/exec`, null for none. */
  readonly execConfig: Yaml;
}

export interface ExecEntry {
  readonly apiVersion: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: readonly { readonly name: string; readonly value: string }[];
  readonly installHint: string;
  readonly provideClusterInfo: boolean;
  readonly interactiveMode: string;
}

interface AuthProviderEntry {
  readonly name: string;
  readonly config: Readonly<Record<string, string>>;
}

export interface UserEntry extends User {
  readonly tokenFile: string;
  readonly impersonateUid: string;
  readonly impersonateGroups: readonly string[];
  readonly impersonateExtra: Readonly<Record<string, readonly string[]>>;
  readonly exec: ExecEntry | undefined;
  readonly authProvider: AuthProviderEntry | undefined;
  /** The file that it stands in, where a renewed token is written to; '' for a text that is no file's. */
  readonly origin: string;
}

const EXEC_EXTENSION = 'client.authentication.k8s.io/exec';

/** One without a name is left out: nothing can refer to it. */
const OPTIONS = { onInvalidEntry: ActionOnInvalid.FILTER };
/** For what client-node wants to be there; it never leaves this file. */
const STAND_IN = '-';

/** @returns undefined where it has no name, as the other two */
export function readCluster(name: string, entry: Yaml, folder: string): ClusterEntry | undefined {
  const cluster = {
    ...mapped(entry, text),
    server: STAND_IN,
    'insecure-skip-tls-verify': flag(at(entry, 'insecure-skip-tls-verify')),
  };
  const read = newClusters([{ name, cluster }], OPTIONS).at(0);
  return (
    read && {
      ...read,
      server: text(at(entry, 'server')),
      caFile: path(read.caFile, folder),
      execConfig: execConfig(at(entry, 'extensions')),
    }
  );
}

export function readUser(name: string, entry: Yaml, folder: string, origin: string): UserEntry | undefined {
  const user = { ...mapped(entry, text), 'token-file': '' };
  const read = newUsers([{ name, user }], OPTIONS).at(0);
  return (
    read && {
      ...read,
      certFile: path(read.certFile, folder),
      keyFile: path(read.keyFile, folder),
      tokenFile: path(text(at(entry, 'tokenFile')), folder),
      impersonateUid: text(at(entry, 'as-uid')),
      impersonateGroups: strings(at(entry, 'as-groups')),
      impersonateExtra: mapped(at(entry, 'as-user-extra'), strings),
      exec: execEntry(at(entry, 'exec'), folder),
      authProvider: authProviderEntry(at(entry, 'auth-provider')),
      origin,
    }
  );
}

export function readContext(name: string, entry: Yaml): Context | undefined {
  const context = { ...mapped(entry, text), cluster: STAND_IN };
  const read = newContexts([{ name, context }], OPTIONS).at(0);
  return (
    read && {
      ...read,
      cluster: text(at(entry, 'cluster')),
      user: text(at(entry, 'user')),
    }
  );
}

function execConfig(extensions: Yaml): Yaml {
  const named = items(extensions).find((extension) => text(at(extension, 'name')) === EXEC_EXTENSION);
  return at(named ?? null, 'extension');
}

function execEntry(entry: Yaml, folder: string): ExecEntry | undefined {
  if (entry === null) return undefined;
  const env = at(entry, 'env');
  return {
    apiVersion: text(at(entry, 'apiVersion')),
    command: commandPath(text(at(entry, 'command')), folder),
    args: strings(at(entry, 'args')),
    env: items(env).map((variable) => ({
      name: text(at(variable, 'name')),
      value: text(at(variable, 'value')),
    })),
    installHint: text(at(entry, 'installHint')),
    provideClusterInfo: flag(at(entry, 'provideClusterInfo')),
    interactiveMode: text(at(entry, 'interactiveMode')),
  };
}

/** Of a login plugin: without a slash it is looked up in PATH. */
export function commandPath(command: string, folder: string): string {
  return command.includes('/') ? path(command, folder) : command;
}

function authProviderEntry(entry: Yaml): AuthProviderEntry | undefined {
  if (entry === null) return undefined;
  return { name: text(at(entry, 'name')), config: mapped(at(entry, 'config'), text) };
}

function path(given: string | undefined, folder: string): string {
  return given ? resolve(folder, given) : '';
}
