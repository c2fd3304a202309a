/**
 * The cluster that the user means, and the right to speak to it.
 *
 *     kubeconfig    which files, merged                    document, entries, fields, yaml, service-account
 *     selection     context, cluster, user; options        validation: what kubectl refuses
 *     credentials/  what each request carries              files that change, plugins, OIDC
 *
 * The entries of a kubeconfig are read by @kubernetes/client-node; what else it
 * has of this does otherwise than kubectl, as docs/access.md lists.
 */
import { readFileSync } from 'node:fs';
import { knownAs, type ServerTrust } from '../agent/agent.ts';
import { proxyFromEnvironment, proxyFromUrl } from '../agent/proxy-choice.ts';
import { ClusterError, reasonOf } from '../errors.ts';
import type { Authenticator } from './credentials/authenticator.ts';
import { Logins } from './credentials/logins.ts';
import { UserAuthenticator } from './credentials/user-authenticator.ts';
import { type KubeconfigDocument, parseKubeconfig } from './document.ts';
import { parseRequestTimeout } from './duration.ts';
import { candidateFiles, fileState, type KubeconfigFile, loadKubeconfig } from './kubeconfig.ts';
import { type Overrides, type Selection, select } from './selection.ts';
import { validate } from './validation.ts';

export interface AccessOptions extends Overrides {
  /** A file given by the user; without it $KUBECONFIG, ~/.kube/config or the pod's own account. */
  readonly kubeconfig?: string;
  /** A whole kubeconfig, instead of any file. */
  readonly kubeconfigText?: string;
  /** As kubectl takes it: seconds, or "1m30s"; "0" for no limit. */
  readonly requestTimeout?: string;
  /** Where a pod's service account is mounted, if not in the usual place. */
  readonly serviceAccountFolder?: string;
  /** What several contexts log in by; without it, that of this process. */
  readonly logins?: Logins;
  /** Told what is wrong and does not keep us from working. */
  readonly warn?: (message: string) => void;
}

export interface ClusterAccess {
  readonly contextName: string;
  /** The kubeconfig's name of the cluster; it stays where the server's address changes (a local cluster's port). */
  readonly clusterName: string;
  /** The kubeconfig's name of the user; '' for nobody. */
  readonly userName: string;
  /** The context's namespace, else "default". */
  readonly namespace: string;
  /** What the kubeconfig says where no option says otherwise. */
  readonly kubeconfig: KubeconfigSays;
  /** The API server's URL, with its path prefix if it has one. */
  readonly server: URL;
  readonly tls: ServerTrust;
  /** Through which requests go: http, https or socks5. */
  readonly proxy: URL | undefined;
  /** Whether the kubeconfig names that proxy, and not the environment. */
  readonly proxyIsNamed: boolean;
  /** What gives these rights to whoever reads it: the kubeconfig files, and the keys and tokens that they name. */
  readonly credentialFiles: readonly string[];
  readonly authenticator: Authenticator;
  /** For each request, where the user gave a limit; 0 for none. */
  readonly requestTimeoutMs: number | undefined;
  /** Called before the command starts: from then on no login plugin, of any context, reads the terminal or writes to it. */
  releaseTerminal(): void;
}

export interface KubeconfigSays {
  /** As kubectl looks for them; none for a pod's own account, and for a text that is no file's. */
  readonly paths: readonly string[];
  /** Those that are there. */
  readonly files: readonly KubeconfigFile[];
  readonly currentContext: string;
  /** The context's own cluster and user. */
  readonly clusterName: string;
  readonly userName: string;
}

/** A process has one terminal. */
const LOGINS_OF_PROCESS = new Logins();

/** @throws ClusterError, UsageError */
export async function loadAccess(
  options: AccessOptions,
  env: NodeJS.ProcessEnv = process.env,
): Promise<ClusterAccess> {
  const { kubeconfigText, requestTimeout, logins = LOGINS_OF_PROCESS, warn = () => {} } = options;
  const requestTimeoutMs = requestTimeout === undefined ? undefined : parseRequestTimeout(requestTimeout);
  const paths = kubeconfigText === undefined ? candidateFiles(options.kubeconfig, env) : [];
  let stateThen = fileState(paths);
  const kubeconfig =
    kubeconfigText === undefined
      ? await loadKubeconfig(options.kubeconfig, env, options.serviceAccountFolder)
      : { ...(await parseKubeconfig(kubeconfigText, '')), paths: [], files: [] };
  const selection = select(kubeconfig, options);
  validate(selection);
  const { contextName, clusterName, userName, namespace, cluster, context } = selection;
  // Paths are joined to it, and begin with a slash themselves.
  const server = new URL(cluster.server.replace(/\/+$/, ''));
  const proxy = cluster.proxyUrl
    ? proxyFromUrl(cluster.proxyUrl, clusterName)
    : proxyFromEnvironment(server, env);
  const tls = serverTrust(selection);
  /** Who has logged in again has other credentials for the same context; for another cluster they are not ours. */
  const reread = async (): Promise<Selection | undefined> => {
    const stateNow = fileState(paths);
    if (stateThen === undefined || stateNow === undefined || stateNow === stateThen) return undefined;
    const files = await loadKubeconfig(options.kubeconfig, env, options.serviceAccountFolder);
    const now = select(files, { ...options, context: contextName });
    validate(now);
    stateThen = stateNow;
    return now.cluster.server === cluster.server ? now : undefined;
  };
  return {
    contextName,
    clusterName,
    userName,
    namespace,
    kubeconfig: {
      paths: kubeconfig.paths,
      files: kubeconfig.files,
      currentContext: kubeconfig.currentContext,
      clusterName: context.cluster,
      userName: context.user,
    },
    server,
    tls,
    proxy,
    proxyIsNamed: Boolean(cluster.proxyUrl),
    credentialFiles: credentialFiles(kubeconfig),
    authenticator: new UserAuthenticator(selection, {
      env,
      logins,
      tls,
      warn,
      ...(kubeconfigText === undefined ? { reread } : {}),
    }),
    requestTimeoutMs,
    releaseTerminal: () => logins.terminal.release(),
  };
}

function credentialFiles({ users }: KubeconfigDocument): string[] {
  const files = [...users.values()].flatMap((user) => [
    user.origin,
    user.certFile ?? '',
    user.keyFile ?? '',
    user.tokenFile,
  ]);
  return [...new Set(files)].filter((file) => file !== '');
}

function serverTrust({ cluster, clusterName }: Selection): ServerTrust {
  const { caFile, caData, tlsServerName, skipTLSVerify } = cluster;
  const unusable = (why: string, cause?: unknown): ClusterError =>
    new ClusterError(
      'KUBECONFIG_INVALID',
      `the certificate authority of cluster "${clusterName}" ${why}`,
      'correct certificate-authority(-data) in the kubeconfig, or have its tool write it again',
      { cause },
    );
  let ca: Buffer | undefined;
  if (caData) ca = Buffer.from(caData, 'base64');
  if (caFile) {
    try {
      ca = readFileSync(caFile);
    } catch (cause) {
      throw unusable(`cannot be read: ${reasonOf(cause)}`, cause);
    }
  }
  // Node takes anything, and finds later that it trusts nobody.
  if (ca && !ca.includes('-----BEGIN CERTIFICATE-----')) throw unusable('is no PEM');
  return {
    ...(ca ? { ca } : {}),
    ...(tlsServerName ? knownAs(tlsServerName) : {}),
    ...(skipTLSVerify ? { rejectUnauthorized: false } : {}),
  };
}
