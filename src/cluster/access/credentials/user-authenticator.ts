/**
 * The credentials of one user of a kubeconfig, in kubectl's order.
 *
 * A token file is ahead of a token. A plugin is not asked where there is a
 * token, a password or a client certificate; an auth-provider is not asked where
 * there is a token or a password. Impersonation comes on top of all of them.
 *
 * What stands in the kubeconfig itself is taken from there once more when the
 * server does not accept it any more: somebody may have logged in again.
 */
import { isDeepStrictEqual } from 'node:util';
import type { ServerTrust } from '../../agent/agent.ts';
import { ClusterError, reasonOf } from '../../errors.ts';
import type { UserEntry } from '../entries.ts';
import type { Selection } from '../selection.ts';
import type { Authenticator, CredentialSource, Grant } from './authenticator.ts';
import { ClientCertificateSource } from './client-certificate.ts';
import { execCluster } from './plugin/exec-credential.ts';
import { impersonationHeaders } from './impersonation.ts';
import type { Logins } from './logins.ts';
import { bearer, TokenFile } from './token-file.ts';

export interface Surroundings {
  readonly env: NodeJS.ProcessEnv;
  readonly logins: Logins;
  readonly tls: ServerTrust;
  readonly warn: (message: string) => void;
  /** What the kubeconfig says now, of the same context and cluster. @throws where it can't be read */
  readonly reread?: () => Promise<Selection | undefined>;
}

/** A user as the kubeconfig had it when it was read. */
interface Login {
  readonly user: UserEntry;
  readonly headers: Readonly<Record<string, string | string[]>>;
  readonly sources: readonly CredentialSource[];
}

export class UserAuthenticator implements Authenticator {
  readonly #contextName: string;
  readonly #surroundings: Surroundings;
  #login: Login;
  #rereading: Promise<void> | undefined;

  constructor(selection: Selection, surroundings: Surroundings) {
    this.#contextName = selection.contextName;
    this.#surroundings = surroundings;
    this.#login = loginOf(selection, surroundings);
  }

  async grant(): Promise<Grant> {
    const login = this.#login;
    try {
      const credentials = await Promise.all(
        login.sources.map(async (source) => ({ source, credential: await source.current() })),
      );
      const authorization = credentials.find(({ credential }) => credential.authorization)?.credential
        .authorization;
      const certificate = credentials.find(({ credential }) => credential.certificate)?.credential
        .certificate;
      return {
        headers: { ...login.headers, ...(authorization ? { Authorization: authorization } : {}) },
        ...(certificate ? { certificate } : {}),
        discard: async () => {
          for (const { source, credential } of credentials) source.discard(credential);
          return credentials.some(({ credential }) => credential.kept) || this.#isReplaced(login);
        },
      };
    } catch (cause) {
      throw new ClusterError(
        'CREDENTIALS_FAILED',
        `the credentials of context "${this.#contextName}" cannot be had: ${reasonOf(cause)}`,
        `log in again as you do for kubectl, and check with: kubectl --context ${this.#contextName} get --raw /version`,
        { cause },
      );
    }
  }

  /** Whether the kubeconfig has another login than the one that was refused. */
  async #isReplaced(refused: Login): Promise<boolean> {
    const { token, username, certData } = refused.user;
    if (this.#login === refused && (token || username || certData)) {
      this.#rereading ??= this.#reread();
      await this.#rereading;
    }
    return this.#login !== refused;
  }

  async #reread(): Promise<void> {
    try {
      const selection = await this.#surroundings.reread?.();
      if (selection && !isDeepStrictEqual(selection.user, this.#login.user))
        this.#login = loginOf(selection, this.#surroundings);
    } catch {
      // It is being written, or is none any more: what was read stands.
    } finally {
      this.#rereading = undefined;
    }
  }
}

function loginOf(selection: Selection, surroundings: Surroundings): Login {
  const { user } = selection;
  const fixed = user.tokenFile === '' ? fixedAuthorization(user) : undefined;
  return {
    user,
    headers: { ...(fixed ? { Authorization: fixed } : {}), ...impersonationHeaders(user) },
    sources: sourcesOf(selection, surroundings, fixed !== undefined),
  };
}

function fixedAuthorization({ token, username, password }: UserEntry): string | undefined {
  if (token) return bearer(token);
  if (!username) return undefined;
  return `Basic ${Buffer.from(`${username}:${password ?? ''}`).toString('base64')}`;
}

function sourcesOf(
  { user, userName, cluster }: Selection,
  { env, logins, tls, warn }: Surroundings,
  authorized: boolean,
): CredentialSource[] {
  const sources: CredentialSource[] = [];
  if (user.certFile || user.certData) sources.push(new ClientCertificateSource(user));
  if (user.tokenFile !== '') return [...sources, new TokenFile(user.tokenFile)];
  if (authorized) return sources;
  if (user.authProvider) {
    sources.push(logins.oidc(user.authProvider.config, { userName, file: user.origin, env, warn }));
  }
  if (user.exec && sources.length === 0) {
    const info = user.exec.provideClusterInfo ? execCluster(cluster, tls.ca) : undefined;
    sources.push(logins.plugin(user.exec, info, env));
  }
  return sources;
}
