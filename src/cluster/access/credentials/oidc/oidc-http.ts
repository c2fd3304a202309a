/** Requests to an OIDC provider: small, with JSON answers, through the proxy that the environment names. */
import http from 'node:http';
import https from 'node:https';
import { text as readText } from 'node:stream/consumers';
import { trustFor } from '../../../../authorities.ts';
import { agentFor } from '../../../agent/agent.ts';
import { proxyFromEnvironment } from '../../../agent/proxy-choice.ts';
import type { Yaml } from '../../fields.ts';

const TIMEOUT_MS = 15_000;

export interface ProviderTrust {
  readonly env: NodeJS.ProcessEnv;
  readonly ca?: Buffer;
}

export interface ProviderAnswer {
  readonly status: number;
  /** null where it is no JSON. */
  readonly body: Yaml;
}

/** GET, or POST where there is a form. */
export async function askProvider(
  address: string,
  { env, ca }: ProviderTrust,
  form?: { readonly headers: Readonly<Record<string, string>>; readonly body: string },
): Promise<ProviderAnswer> {
  const url = new URL(address);
  const agent = agentFor(url.protocol, proxyFromEnvironment(url, env));
  try {
    return await new Promise((resolve, reject) => {
      const request = (url.protocol === 'https:' ? https : http).request(url, {
        agent,
        method: form ? 'POST' : 'GET',
        headers: {
          Accept: 'application/json',
          ...(form ? { 'Content-Type': 'application/x-www-form-urlencoded', ...form.headers } : {}),
        },
        timeout: TIMEOUT_MS,
        ...trustFor(url, ca),
      });
      request.once('timeout', () => request.destroy(new Error(`no answer within ${TIMEOUT_MS / 1000} s`)));
      request.once('error', (cause) =>
        reject(new Error(`the OIDC provider ${url.host} cannot be reached: ${cause.message}`, { cause })),
      );
      request.once('response', (response) => {
        readText(response).then(
          (body) => resolve({ status: response.statusCode ?? 0, body: parsed(body) }),
          reject,
        );
      });
      request.end(form?.body);
    });
  } finally {
    agent.destroy();
  }
}

function parsed(body: string): Yaml {
  try {
    return JSON.parse(body);
  } catch {
    return null;
  }
}
