/**
 * The auth-provider `oidc` of a kubeconfig: an id-token that is renewed by a refresh token.
 *
 * The token endpoint is found by OpenID Connect Discovery 1.0 section 4; the
 * refresh is RFC 6749 section 6, with the client's secret in the header, and
 * again in the form where the provider wants it there (section 2.3.1). Many
 * providers make each refresh token good for one use: the new pair is written
 * into the kubeconfig, as kubectl does, so that both find the same.
 */
import { promises as files } from 'node:fs';
import { reasonOf } from '../../../errors.ts';
import { at, text, type Yaml } from '../../fields.ts';
import type { Credential, CredentialSource } from '../authenticator.ts';
import { askProvider, type ProviderAnswer, type ProviderTrust } from './oidc-http.ts';
import { bearer } from '../token-file.ts';
import { writeAuthProvider } from './kubeconfig-writer.ts';

/** A token this close to its end is renewed at once: the request has its way before it. */
const LEEWAY_MS = 10_000;

export interface OidcContext {
  readonly userName: string;
  /** The kubeconfig to write to, '' for none. */
  readonly file: string;
  readonly env: NodeJS.ProcessEnv;
  /** Told where the new pair could not be written. */
  readonly warn: (message: string) => void;
}

export class OidcProvider implements CredentialSource {
  #config: Readonly<Record<string, string>>;
  readonly #context: OidcContext;
  #refreshing: Promise<void> | undefined;
  #refused = '';

  constructor(config: Readonly<Record<string, string>>, context: OidcContext) {
    this.#config = config;
    this.#context = context;
  }

  async current(): Promise<Credential> {
    const idToken = this.#config['id-token'] ?? '';
    if (idToken !== '' && idToken !== this.#refused && expiresAtMs(idToken) > Date.now() + LEEWAY_MS) {
      return { authorization: bearer(idToken), kept: true };
    }
    this.#refreshing ??= this.#refresh();
    await this.#refreshing;
    return { authorization: bearer(this.#config['id-token'] ?? ''), kept: false };
  }

  discard({ authorization }: Credential): void {
    const idToken = this.#config['id-token'] ?? '';
    if (authorization === bearer(idToken)) this.#refused = idToken;
  }

  async #refresh(): Promise<void> {
    try {
      const issuer = this.#required('idp-issuer-url').replace(/\/$/, '');
      const refreshToken = this.#required('refresh-token');
      const trust = await this.#trust();
      const discovered = await askProvider(`${issuer}/.well-known/openid-configuration`, trust);
      const endpoint = text(at(discovered.body, 'token_endpoint'));
      if (!URL.canParse(endpoint)) {
        throw new Error(`the OIDC issuer ${issuer} names no token endpoint (${discovered.status})`);
      }
      const answer = await this.#token(endpoint, refreshToken, trust);
      const renewed = {
        'id-token': text(at(answer, 'id_token')),
        // A provider that gives no new refresh token lets the old one stand (RFC 6749 section 6).
        'refresh-token': text(at(answer, 'refresh_token')) || refreshToken,
      };
      if (renewed['id-token'] === '') throw new Error('the OIDC provider gave no id_token');
      this.#config = { ...this.#config, ...renewed };
      await this.#save(renewed);
    } finally {
      this.#refreshing = undefined;
    }
  }

  async #token(endpoint: string, refreshToken: string, trust: ProviderTrust): Promise<Yaml> {
    const id = this.#required('client-id');
    const secret = this.#config['client-secret'] ?? '';
    const grant = { grant_type: 'refresh_token', refresh_token: refreshToken };
    const basic = Buffer.from(`${encodeURIComponent(id)}:${encodeURIComponent(secret)}`).toString('base64');
    const attempts = [
      ...(secret === '' ? [] : [{ form: grant, headers: { Authorization: `Basic ${basic}` } }]),
      { form: { ...grant, client_id: id, ...(secret === '' ? {} : { client_secret: secret }) }, headers: {} },
    ];
    let answer: ProviderAnswer | undefined;
    for (const { form, headers } of attempts) {
      answer = await askProvider(endpoint, trust, { headers, body: new URLSearchParams(form).toString() });
      if (answer.status === 200) return answer.body;
    }
    const said =
      text(at(answer?.body ?? null, 'error_description')) || text(at(answer?.body ?? null, 'error'));
    throw new Error(`the OIDC provider did not renew the token (${answer?.status ?? 0}): ${said}`);
  }

  async #trust(): Promise<ProviderTrust> {
    const data = this.#config['idp-certificate-authority-data'] ?? '';
    const file = this.#config['idp-certificate-authority'] ?? '';
    const { env } = this.#context;
    if (data !== '') return { env, ca: Buffer.from(data, 'base64') };
    return file === '' ? { env } : { env, ca: await files.readFile(file) };
  }

  #required(key: string): string {
    const value = this.#config[key] ?? '';
    if (value === '')
      throw new Error(`the OIDC token has expired, and without "${key}" it cannot be renewed`);
    return value;
  }

  /** The new pair holds for this run in any case. */
  async #save(renewed: Readonly<Record<string, string>>): Promise<void> {
    const { file, userName, warn } = this.#context;
    if (file === '') return;
    try {
      await writeAuthProvider(file, userName, renewed);
    } catch (error) {
      warn(
        `the renewed OIDC token of user "${userName}" could not be written to ${file}: ${reasonOf(error)}`,
      );
    }
  }
}

/** @returns 0 for what is no JSON Web Token (RFC 7519 section 4.1.4), which is then renewed */
function expiresAtMs(idToken: string): number {
  try {
    const payload: Yaml = JSON.parse(Buffer.from(idToken.split('.')[1] ?? '', 'base64url').toString());
    return Number(at(payload, 'exp')) * 1_000;
  } catch {
    return 0;
  }
}
