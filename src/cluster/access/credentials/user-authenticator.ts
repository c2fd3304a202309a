/**
 * The credentials of one user of a kubeconfig, in kubectl's order.
 *
 * A token file is ahead of a token. A plugin is not asked where there is a
 * token, a password or a client certificate; an auth-provider is not asked where
 * there is a token or a password. Impersonation comes on top of all of them.
 */
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
}

export class UserAuthenticator implements Authenticator {
  readonly #contextName: string;
  readonly #headers: Readonly<Record<string, string | string[]>>;
  readonly #sources: readonly CredentialSource[];

  constructor(selection: Selection, surroundings: Surroundings) {
    const { user } = selection;
    const fixed = user.tokenFile === '' ? fixedAuthorization(user) : undefined;
    this.#contextName = selection.contextName;
    this.#headers = { ...(fixed ? { Authorization: fixed } : {}), ...impersonationHeaders(user) };
    this.#sources = sourcesOf(selection, surroundings, fixed !== undefined);
  }

  async grant(): Promise<Grant> {
    try {
      const credentials = await Promise.all(
        this.#sources.map(async (source) => ({ source, credential: await source.current() })),
      );
      const authorization = credentials.find(({ credential }) => credential.authorization)?.credential
        .authorization;
      const certificate = credentials.find(({ credential }) => credential.certificate)?.credential
        .certificate;
      return {
        headers: { ...this.#headers, ...(authorization ? { Authorization: authorization } : {}) },
        ...(certificate ? { certificate } : {}),
        kept: credentials.some(({ credential }) => credential.kept),
        discard: () => {
          for (const { source, credential } of credentials) source.discard(credential);
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
