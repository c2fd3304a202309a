/** Proxies as the user names them: `socks5://user:password@proxy.example:1080`, `https://proxy.example`. */

import { UsageError } from '../../errors.ts';

export interface ProxyEndpoint {
  readonly kind: 'socks5' | 'http';
  /** The way to the proxy is TLS. */
  readonly tls: boolean;
  /** A name or an address, without brackets. */
  readonly host: string;
  readonly port: number;
  readonly credentials: { readonly user: string; readonly password: string } | undefined;
  /** For messages: without the credentials. */
  readonly label: string;
}

const KINDS: Readonly<Record<string, Pick<ProxyEndpoint, 'kind' | 'tls' | 'port'>>> = {
  'socks5:': { kind: 'socks5', tls: false, port: 1080 },
  // To curl the `h` has the proxy resolve names, which it does here wherever the name is known.
  'socks5h:': { kind: 'socks5', tls: false, port: 1080 },
  'http:': { kind: 'http', tls: false, port: 80 },
  'https:': { kind: 'http', tls: true, port: 443 },
};

/** RFC 1929: a length has one byte. */
const MAX_CREDENTIAL_BYTES = 255;

/** @param where it was given, such as `--egress-proxy`. Throws `EGRESS_PROXY_INVALID` */
export function parseProxy(text: string, where: string): ProxyEndpoint {
  const invalid = (why: string) =>
    new UsageError(
      'EGRESS_PROXY_INVALID',
      `${where}: ${why}`,
      'give socks5://HOST:PORT, http://HOST:PORT or https://HOST:PORT, with USER:PASSWORD@ in front of the host, percent-encoded, where the proxy wants it',
    );
  // The URL is not shown where it can't be read: there may be a password in it.
  if (!URL.canParse(text)) throw invalid('not a URL');
  const url = new URL(text);
  const known = KINDS[url.protocol];
  if (known === undefined) throw invalid(`no proxy can be reached by ${url.protocol}//`);
  if (url.hostname === '') throw invalid('it has no host');
  if (!['', '/'].includes(url.pathname) || url.search !== '' || url.hash !== '')
    throw invalid('a proxy has no path');
  const credentials = credentialsOf(url);
  if (credentials === null) throw invalid('user and password are not percent-encoded');
  if (
    credentials !== undefined &&
    Object.values(credentials).some((part) => Buffer.byteLength(part) > MAX_CREDENTIAL_BYTES)
  )
    throw invalid(`user and password have ${MAX_CREDENTIAL_BYTES} bytes at most`);
  return {
    kind: known.kind,
    tls: known.tls,
    host: url.hostname.replaceAll(/^\[|\]$/g, ''),
    port: url.port === '' ? known.port : Number(url.port),
    credentials,
    label: `${url.protocol}//${url.host}`,
  };
}

/** @returns null where they can't be decoded */
function credentialsOf({ username, password }: URL): ProxyEndpoint['credentials'] | null {
  if (username === '' && password === '') return undefined;
  try {
    return { user: decodeURIComponent(username), password: decodeURIComponent(password) };
  } catch {
    return null;
  }
}
