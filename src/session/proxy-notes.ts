/**
 * Proxies of the environment that are on the host's loopback.
 *
 * To the command the same address is the sandbox's own loopback, where nobody
 * listens: each request would be refused, and nothing would say why.
 */

import { BlockList, isIP } from 'node:net';
import { type Environment, PROXY_VARIABLES } from './proxy-exceptions.ts';

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

/** Of the schemes that HTTP clients know for a proxy. */
const DEFAULT_PORTS: Readonly<Record<string, number>> = {
  'http:': 80,
  'https:': 443,
  'socks:': 1080,
  'socks4:': 1080,
  'socks4a:': 1080,
  'socks5:': 1080,
  'socks5h:': 1080,
};

/** A line for each variable. @param isOpen whether a port of the host's loopback is in the sandbox */
export function loopbackProxyNotes(env: Environment, isOpen: (port: number) => boolean): string[] {
  return PROXY_VARIABLES.flatMap((name) => [name, name.toUpperCase()]).flatMap((name) => {
    const port = loopbackPort(env[name] ?? '');
    if (port === undefined || isOpen(port)) return [];
    return [
      `$${name} is a proxy on the host's loopback, which the sandbox does not reach: --host-port ${port} opens it`,
    ];
  });
}

/** @returns undefined where it is elsewhere, or no proxy that anybody would understand */
function loopbackPort(proxy: string): number | undefined {
  // curl, Go and Python take `host:port` for HTTP.
  const text = /^[a-z][a-z0-9+.-]*:\/\//i.test(proxy) ? proxy : `http://${proxy}`;
  if (proxy === '' || !URL.canParse(text)) return undefined;
  const { protocol, hostname, port } = new URL(text);
  const host = hostname.replaceAll(/^\[|\]$/g, '').toLowerCase();
  if (!isLoopback(host)) return undefined;
  return port === '' ? DEFAULT_PORTS[protocol] : Number(port);
}

function isLoopback(host: string): boolean {
  const family = isIP(host);
  if (family !== 0) return LOOPBACK.check(host, family === 4 ? 'ipv4' : 'ipv6');
  return host === 'localhost' || host.endsWith('.localhost');
}
