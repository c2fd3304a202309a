/**
 * Whom TLS trusts where the user names no authority: the authorities that Node comes with.
 *
 * Node 20 reads them all, some hundred certificates in 30 ms, as soon as a
 * connection names an authority of its own, which needs none of them: that is
 * every cluster whose kubeconfig has one. With OpenSSL's store for the usual one
 * it reads none. So where nothing in the environment says which authorities Node
 * is to have, our start script asks for that store (sandbox/shim/kns-rootless);
 * which it is, and whether there is any, depends on the system, so nobody is
 * trusted by it: who needs Node's authorities is given them here.
 */
import tls from 'node:tls';

const IS_NODES_STORE_USED = !process.execArgv.includes('--use-openssl-ca');

/** For connections without a certificate of our own. */
const NOBODY = {};

/** By the certificate that they show; each takes those 30 ms. */
const contexts = new WeakMap<object, tls.SecureContext>();

/** What `tls.connect` needs besides for a server whose authority nobody has named. */
export function usualTrust(
  certificate: Pick<tls.SecureContextOptions, 'cert' | 'key'> = NOBODY,
): Pick<tls.ConnectionOptions, 'secureContext'> {
  if (IS_NODES_STORE_USED) return {};
  let secureContext = contexts.get(certificate);
  if (secureContext === undefined) {
    secureContext = tls.createSecureContext({ ...certificate, ca: [...tls.rootCertificates] });
    contexts.set(certificate, secureContext);
  }
  return { secureContext };
}

/** What a request to there needs where its user may have named an authority. */
export function trustFor({ protocol }: URL, ca: tls.SecureContextOptions['ca']): tls.ConnectionOptions {
  if (ca) return { ca };
  return protocol === 'https:' ? usualTrust() : {};
}
