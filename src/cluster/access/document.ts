/**
 * A kubeconfig file as kubectl reads it: its parts by name, its paths absolute.
 *
 * Relative paths are relative to the file they stand in; a text that is no
 * file's has the working directory instead. What is unknown is ignored. Unlike
 * kubectl, a scalar is taken for the text that a field wants (`namespace: 123`).
 */
import { dirname, resolve } from 'node:path';
import { ClusterError, reasonOf } from '../errors.ts';
import { at, flag, strings, text, type Yaml } from './fields.ts';

export interface ClusterEntry {
  readonly server: string;
  readonly tlsServerName: string;
  readonly insecureSkipTlsVerify: boolean;
  readonly certificateAuthority: string;
  /** Base64 of PEM, as the file has it. */
  readonly certificateAuthorityData: string;
  readonly proxyUrl: string;
  /** For login plugins: the extension `client.authentication.k8s.io/exec`. */
  readonly execConfig: unknown;
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

export interface AuthProviderEntry {
  readonly name: string;
  readonly config: Readonly<Record<string, string>>;
}

export interface UserEntry {
  readonly clientCertificate: string;
  readonly clientCertificateData: string;
  readonly clientKey: string;
  readonly clientKeyData: string;
  readonly token: string;
  readonly tokenFile: string;
  readonly username: string;
  readonly password: string;
  readonly as: string;
  readonly asUid: string;
  readonly asGroups: readonly string[];
  readonly asUserExtra: Readonly<Record<string, readonly string[]>>;
  readonly exec: ExecEntry | undefined;
  readonly authProvider: AuthProviderEntry | undefined;
  /** The file that it stands in, where a renewed token is written to; '' for a text that is no file's. */
  readonly origin: string;
}

export interface ContextEntry {
  readonly cluster: string;
  readonly user: string;
  readonly namespace: string;
}

export interface KubeconfigDocument {
  readonly clusters: ReadonlyMap<string, ClusterEntry>;
  readonly users: ReadonlyMap<string, UserEntry>;
  readonly contexts: ReadonlyMap<string, ContextEntry>;
  readonly currentContext: string;
}

export const EXEC_EXTENSION = 'client.authentication.k8s.io/exec';

/** @param file where the text is from, '' for nowhere; errors name it, and relative paths start in its folder */
export async function parseKubeconfig(content: string, file: string): Promise<KubeconfigDocument> {
  // Loaded when there is something to parse: `--help` should not wait for it.
  const { parseYaml } = await import('./yaml.ts');
  let root: Yaml;
  try {
    root = parseYaml(content);
  } catch (cause) {
    throw invalidFile(file, reasonOf(cause), cause);
  }
  // An empty file is an empty kubeconfig, as for kubectl.
  if (root !== null && (typeof root !== 'object' || Array.isArray(root))) {
    throw invalidFile(file, 'it is no mapping');
  }
  const kind = text(at(root, 'kind'));
  if (kind !== '' && kind !== 'Config') throw invalidFile(file, `it is of the kind "${kind}"`);
  const folder = dirname(file === '' ? resolve('kubeconfig') : resolve(file));
  const named = <T>(list: string, key: string, read: (entry: Yaml) => T): Map<string, T> => {
    const entries = at(root, list);
    const byName = new Map<string, T>();
    for (const entry of Array.isArray(entries) ? entries : []) {
      const name = text(at(entry, 'name'));
      if (byName.has(name)) throw invalidFile(file, `the name "${name}" is twice in "${list}"`);
      byName.set(name, read(at(entry, key)));
    }
    return byName;
  };
  return {
    clusters: named('clusters', 'cluster', (entry) => clusterEntry(entry, folder)),
    users: named('users', 'user', (entry) => userEntry(entry, folder, file)),
    contexts: named('contexts', 'context', contextEntry),
    currentContext: text(at(root, 'current-context')),
  };
}

function clusterEntry(entry: Yaml, folder: string): ClusterEntry {
  const extensions = at(entry, 'extensions');
  const exec = (Array.isArray(extensions) ? extensions : []).find(
    (extension) => text(at(extension, 'name')) === EXEC_EXTENSION,
  );
  return {
    server: text(at(entry, 'server')),
    tlsServerName: text(at(entry, 'tls-server-name')),
    insecureSkipTlsVerify: flag(at(entry, 'insecure-skip-tls-verify')),
    certificateAuthority: path(at(entry, 'certificate-authority'), folder),
    certificateAuthorityData: text(at(entry, 'certificate-authority-data')),
    proxyUrl: text(at(entry, 'proxy-url')),
    execConfig: at(exec ?? null, 'extension'),
  };
}

function userEntry(entry: Yaml, folder: string, origin: string): UserEntry {
  const extra = at(entry, 'as-user-extra');
  return {
    clientCertificate: path(at(entry, 'client-certificate'), folder),
    clientCertificateData: text(at(entry, 'client-certificate-data')),
    clientKey: path(at(entry, 'client-key'), folder),
    clientKeyData: text(at(entry, 'client-key-data')),
    token: text(at(entry, 'token')),
    tokenFile: path(at(entry, 'tokenFile'), folder),
    username: text(at(entry, 'username')),
    password: text(at(entry, 'password')),
    as: text(at(entry, 'as')),
    asUid: text(at(entry, 'as-uid')),
    asGroups: strings(at(entry, 'as-groups')),
    asUserExtra: mapped(extra, strings),
    exec: execEntry(at(entry, 'exec'), folder),
    authProvider: authProviderEntry(at(entry, 'auth-provider')),
    origin,
  };
}

function execEntry(entry: Yaml, folder: string): ExecEntry | undefined {
  if (entry === null) return undefined;
  const command = text(at(entry, 'command'));
  const env = at(entry, 'env');
  return {
    apiVersion: text(at(entry, 'apiVersion')),
    // Without a slash it is looked up in PATH.
    command: command.includes('/') ? resolve(folder, command) : command,
    args: strings(at(entry, 'args')),
    env: (Array.isArray(env) ? env : []).map((variable) => ({
      name: text(at(variable, 'name')),
      value: text(at(variable, 'value')),
    })),
    installHint: text(at(entry, 'installHint')),
    provideClusterInfo: flag(at(entry, 'provideClusterInfo')),
    interactiveMode: text(at(entry, 'interactiveMode')),
  };
}

function authProviderEntry(entry: Yaml): AuthProviderEntry | undefined {
  if (entry === null) return undefined;
  return { name: text(at(entry, 'name')), config: mapped(at(entry, 'config'), text) };
}

function contextEntry(entry: Yaml): ContextEntry {
  return {
    cluster: text(at(entry, 'cluster')),
    user: text(at(entry, 'user')),
    namespace: text(at(entry, 'namespace')),
  };
}

function mapped<T>(value: Yaml, read: (value: Yaml) => T): Record<string, T> {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return {};
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, read(item)]));
}

function path(value: Yaml, folder: string): string {
  const given = text(value);
  return given === '' ? '' : resolve(folder, given);
}

export function invalidFile(file: string, why: string, cause?: unknown): ClusterError {
  return new ClusterError(
    'KUBECONFIG_INVALID',
    `${file === '' ? 'the kubeconfig' : file} is not a valid kubeconfig: ${why}`,
    `correct the file, and check it with: kubectl --kubeconfig ${file === '' ? 'FILE' : file} config view`,
    { cause },
  );
}
