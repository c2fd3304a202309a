/** A certificate authority for one test, and whatever certificates it needs. */
import { KeyObject, webcrypto } from 'node:crypto';
import 'reflect-metadata'; // before x509, whose dependency injection asks for it as it loads
import * as x509 from '@peculiar/x509';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const HOUR_MS = 3_600_000;

export interface Pair {
  readonly cert: string;
  readonly key: string;
}

export interface Authority {
  /** PEM. */
  readonly ca: string;
  server(names: readonly string[], lifetimeMs?: number): Promise<Pair>;
  client(commonName: string): Promise<Pair>;
}

const makeKeys = () => webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);

const validity = (lifetimeMs = HOUR_MS) => ({
  notBefore: new Date(Date.now() - 2 * HOUR_MS),
  notAfter: new Date(Date.now() + lifetimeMs),
});

export async function makeAuthority(): Promise<Authority> {
  const caKeys = await makeKeys();
  const authority = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=test-ca',
    keys: caKeys,
    signingAlgorithm: algorithm,
    ...validity(),
    extensions: [new x509.BasicConstraintsExtension(true, 0, true)],
  });
  const issue = async (
    commonName: string,
    extensions: x509.Extension[],
    lifetimeMs?: number,
  ): Promise<Pair> => {
    const keys = await makeKeys();
    const certificate = await x509.X509CertificateGenerator.create({
      subject: `CN=${commonName}`,
      issuer: authority.subject,
      publicKey: keys.publicKey,
      signingKey: caKeys.privateKey,
      signingAlgorithm: algorithm,
      ...validity(lifetimeMs),
      extensions,
    });
    const key = KeyObject.from(keys.privateKey).export({ type: 'pkcs8', format: 'pem' }).toString();
    return { cert: certificate.toString('pem'), key };
  };
  return {
    ca: authority.toString('pem'),
    server: (names, lifetimeMs) =>
      issue(
        'server',
        [
          new x509.SubjectAlternativeNameExtension(
            names.map((value) => ({
              type: /^[\d.]+$/.test(value) ? ('ip' as const) : ('dns' as const),
              value,
            })),
          ),
        ],
        lifetimeMs,
      ),
    client: (commonName) =>
      issue(commonName, [new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth])]),
  };
}

export function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
