/**
 * The two documents that a login plugin and its caller exchange:
 * `ExecCredential` of client.authentication.k8s.io, v1 and v1beta1.
 */
import type { CredentialStatus } from '@kubernetes/client-node/dist/exec_auth.js';
import { oneLine } from '../../../errors.ts';
import type { ClusterEntry } from '../../entries.ts';
import { at, text, type Yaml } from '../../fields.ts';
import type { Credential } from '../authenticator.ts';
import { checkPair } from '../client-certificate.ts';
import { bearer } from '../token-file.ts';

export interface PluginCredential {
  readonly credential: Credential;
  /** Infinity for as long as the server accepts it. */
  readonly expiresAtMs: number;
}

/** What the plugin is told in $KUBERNETES_EXEC_INFO. */
export function execInfo(apiVersion: string, interactive: boolean, cluster: object | undefined): string {
  return JSON.stringify({
    kind: 'ExecCredential',
    apiVersion,
    spec: { ...(cluster ? { cluster } : {}), interactive },
  });
}

/** What it is told of the cluster where the kubeconfig has `provideClusterInfo`. */
export function execCluster(cluster: ClusterEntry, ca: Buffer | undefined): object {
  const { server, tlsServerName, skipTLSVerify, proxyUrl, execConfig } = cluster;
  return {
    server,
    ...(tlsServerName ? { 'tls-server-name': tlsServerName } : {}),
    ...(skipTLSVerify ? { 'insecure-skip-tls-verify': true } : {}),
    ...(ca ? { 'certificate-authority-data': ca.toString('base64') } : {}),
    ...(proxyUrl ? { 'proxy-url': proxyUrl } : {}),
    ...(execConfig === null ? {} : { config: execConfig }),
  };
}

/** @throws Error that says what is wrong with the plugin's answer */
export function parseExecCredential(output: string, apiVersion: string): PluginCredential {
  let root: Yaml;
  try {
    root = JSON.parse(output);
  } catch (cause) {
    throw new Error(`what it printed is no JSON: ${oneLine(output).slice(0, 80) || '(nothing)'}`, { cause });
  }
  const kind = text(at(root, 'kind'));
  if (kind !== 'ExecCredential')
    throw new Error(`it printed the kind "${kind}" instead of an ExecCredential`);
  const version = text(at(root, 'apiVersion'));
  if (version !== apiVersion) {
    throw new Error(`it speaks "${version}", and the kubeconfig says "${apiVersion}"`);
  }
  const status = at(root, 'status');
  const field = (name: keyof CredentialStatus): string => text(at(status, name));
  const token = field('token');
  const cert = field('clientCertificateData');
  const key = field('clientKeyData');
  if (token === '' && cert === '' && key === '') throw new Error('it gave neither token nor certificate');
  if ((cert === '') !== (key === '')) {
    throw new Error(
      `it gave a client ${cert === '' ? 'key without its certificate' : 'certificate without its key'}`,
    );
  }
  const certificate = cert === '' ? undefined : { cert, key };
  if (certificate) checkPair(certificate);
  return {
    credential: {
      ...(token === '' ? {} : { authorization: bearer(token) }),
      ...(certificate ? { certificate } : {}),
      kept: false,
    },
    expiresAtMs: expiry(field('expirationTimestamp')),
  };
}

function expiry(timestamp: string): number {
  if (timestamp === '') return Infinity;
  const expiresAtMs = Date.parse(timestamp);
  if (Number.isNaN(expiresAtMs)) throw new Error(`its expirationTimestamp is no time: ${oneLine(timestamp)}`);
  return expiresAtMs;
}
