/**
 * The credentials of a kubeconfig's user, as client-node has them.
 *
 * Requests within a few seconds share them: a login plugin is a program that is
 * started, and some servers' plugins open a browser.
 */
import type https from 'node:https';
import type { KubeConfig } from '@kubernetes/client-node/dist/config.js';
import { ClusterError, reasonOf } from '../../errors.ts';
import type { Authenticator, Grant } from './authenticator.ts';

const REUSE_MS = 5_000;
/** For the user's login plugin, which may have to open a browser. */
const TIMEOUT_MS = 60_000;

interface Login {
  readonly grant: Promise<Grant>;
  untilMs: number;
}

export class KubeConfigAuthenticator implements Authenticator {
  readonly #kubeConfig: KubeConfig;
  readonly #contextName: string;
  #login: Login | undefined;

  constructor(kubeConfig: KubeConfig, contextName: string) {
    this.#kubeConfig = kubeConfig;
    this.#contextName = contextName;
  }

  async grant(): Promise<Grant> {
    const known = this.#login;
    if (known && known.untilMs > performance.now()) {
      return known.untilMs === Infinity ? known.grant : { ...(await known.grant), kept: true };
    }
    const login: Login = { grant: this.#ask(), untilMs: Infinity };
    this.#login = login;
    try {
      return await login.grant;
    } finally {
      login.untilMs = performance.now() + REUSE_MS;
    }
  }

  discard(): void {
    this.#login = undefined;
  }

  async #ask(): Promise<Grant> {
    const options: https.RequestOptions & { headers: Record<string, string> } = { headers: {} };
    let timer: NodeJS.Timeout | undefined;
    try {
      await Promise.race([
        this.#kubeConfig.applyToHTTPSOptions(options),
        new Promise((_, reject) => {
          timer = setTimeout(() => reject(new Error(`none within ${TIMEOUT_MS / 1000} s`)), TIMEOUT_MS);
        }),
      ]);
    } catch (cause) {
      throw new ClusterError(
        'CREDENTIALS_FAILED',
        `the credentials of context "${this.#contextName}" cannot be had: ${reasonOf(cause)}`,
        `log in again as you do for kubectl, and check with: kubectl --context ${this.#contextName} get --raw /version`,
        { cause },
      );
    } finally {
      clearTimeout(timer);
    }
    const { headers, cert, key } = options;
    const certificate =
      cert && key && !Array.isArray(cert) && !Array.isArray(key) ? { cert, key } : undefined;
    return { headers, kept: false, ...(certificate ? { certificate } : {}) };
  }
}
