/**
 * What a request carries so that the server knows whose it is: had as a run has
 * it, by the same plugins and files. Nothing of a secret is told.
 */

import { X509Certificate } from 'node:crypto';
import { type Check, ok, warning } from '../check.ts';
import type { ClusterContext } from './context.ts';

/** A login plugin may ask on the terminal for 5 minutes. */
const TIMEOUT_MS = 330_000;

interface Credential {
  readonly what: string;
  /** Where it says so. */
  readonly expires: Date | undefined;
}

export const credentials: Check<ClusterContext> = {
  id: 'credentials',
  title: 'credentials',
  needs: ['kubeconfig'],
  timeoutMs: TIMEOUT_MS,
  async run(cluster) {
    const { access } = await cluster.context();
    const { headers, certificate } = await access.authenticator.grant();
    const had = [
      ...(certificate === undefined ? [] : [clientCertificate(certificate.cert)]),
      ...Object.entries(headers).flatMap(([name, value]) => credentialOf(name, String(value))),
    ];
    if (had.length === 0) return ok('none are named: requests are anonymous');
    const message = had.map((one) => text(one)).join(', ');
    const facts = { kinds: had.map(({ what }) => what) };
    const over = had.find(({ expires }) => expires !== undefined && expires.getTime() < Date.now());
    if (over === undefined) return ok(message, { facts });
    return warning(
      message,
      `the ${over.what} has expired by this machine's clock: log in again as you do for kubectl`,
      {
        facts,
      },
    );
  },
};

function clientCertificate(pem: string | Buffer): Credential {
  return { what: 'client certificate', expires: new Date(new X509Certificate(pem).validTo) };
}

function credentialOf(header: string, value: string): Credential[] {
  if (header === 'Impersonate-User') return [{ what: `acting as ${value}`, expires: undefined }];
  if (header !== 'Authorization') return [];
  const [scheme = '', secret = ''] = value.split(' ');
  if (scheme === 'Basic') return [{ what: 'password', expires: undefined }];
  return [{ what: 'bearer token', expires: tokenExpiry(secret) }];
}

/** The claim `exp` of a JSON Web Token (RFC 7519, 4.1.4), which most are; nothing of it is verified here. */
export function tokenExpiry(token: string): Date | undefined {
  const [, payload, signature] = token.split('.');
  if (payload === undefined || signature === undefined) return undefined;
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString());
    const isObject = typeof claims === 'object' && claims !== null;
    return isObject && 'exp' in claims ? new Date(Number(claims.exp) * 1_000) : undefined;
  } catch {
    return undefined;
  }
}

function text({ what, expires }: Credential): string {
  return expires === undefined || Number.isNaN(expires.getTime())
    ? what
    : `${what}, valid until ${expires.toISOString()}`;
}
