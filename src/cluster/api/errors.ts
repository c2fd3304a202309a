/** Turns what a request to the API server met into an error that a user can act on. */
import { codeOf } from '../../system-error.ts';
import { ClusterError, reasonOf } from '../errors.ts';

/** A failure below HTTP: name resolution, TCP, TLS, or one of our named waits. */
export function unreachable(server: URL, cause: unknown): ClusterError {
  if (cause instanceof ClusterError) return cause;
  const code = codeOf(cause);
  return new ClusterError(
    'API_UNREACHABLE',
    `the API server ${server.href} cannot be reached: ${reasonOf(cause)}`,
    remedyFor(code, server),
    { cause },
  );
}

/** The server's answer to `verb` on `resource` was no success. */
export function answered(
  status: number,
  message: string,
  request: { verb: string; resource: string; namespace: string | undefined; contextName: string },
): ClusterError {
  const { verb, resource, namespace, contextName } = request;
  const where = namespace === undefined ? 'in all namespaces' : `in namespace "${namespace}"`;
  const flag = namespace === undefined ? '-A' : `-n ${namespace}`;
  if (status === 401) {
    return new ClusterError(
      'UNAUTHORIZED',
      `the API server does not accept the credentials of context "${contextName}" (401): the token or certificate has expired, or is not of this cluster`,
      `log in again as you do for kubectl, and check with: kubectl --context ${contextName} ${flag} get services`,
    );
  }
  if (status === 403) {
    return new ClusterError(
      'FORBIDDEN',
      `the account of context "${contextName}" may not ${verb} ${resource} ${where}: ${message}`,
      `ask for a role with the verb "${verb}" on ${resource}, and check with: kubectl --context ${contextName} ${flag} auth can-i ${verb} ${resource}`,
    );
  }
  return new ClusterError(
    'API_FAILED',
    `the API server answered ${status} to ${verb} ${resource} ${where}: ${message}`,
    `see whether kubectl meets the same: kubectl --context ${contextName} ${flag} get ${resource.split('/')[0] ?? resource}`,
  );
}

function remedyFor(code: string, server: URL): string {
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') {
    return `check that ${server.hostname} is spelt right and that your DNS or VPN is up`;
  }
  if (code === 'ECONNREFUSED') return `check that the cluster runs, and that it listens on ${server.host}`;
  const tls = TLS_REMEDIES.find(({ codes }) => codes.test(code));
  if (tls) return tls.remedy;
  if (code === 'EPROTO' || code.startsWith('ERR_SSL')) {
    return `check that ${server.host} speaks TLS, and that the scheme of the URL is right`;
  }
  return 'check the network and the VPN, and that kubectl reaches the cluster';
}

/** By the codes of OpenSSL's verification and of TLS alerts, as Node names them; the first that fits. */
const TLS_REMEDIES: readonly { readonly codes: RegExp; readonly remedy: string }[] = [
  {
    codes: /^ERR_TLS_CERT_ALTNAME_INVALID$/,
    remedy:
      'the certificate is for another name: set tls-server-name in the kubeconfig, or use the name it is for',
  },
  {
    codes: /^CERT_(HAS_EXPIRED|NOT_YET_VALID)$/,
    remedy: "the server's certificate is not valid now: check your clock, or have the certificate renewed",
  },
  {
    codes: /^ERR_SSL_.*ALERT_(BAD_CERTIFICATE|CERTIFICATE|UNKNOWN_CA|UNSUPPORTED_CERTIFICATE)/,
    remedy:
      'the server does not take the client certificate: it has expired or is of another cluster; log in again as you do for kubectl',
  },
  {
    codes: /CERT|SELF_SIGNED|LEAF_SIGNATURE/,
    remedy: 'check certificate-authority(-data) in the kubeconfig: it is not the one that signed this server',
  },
];
