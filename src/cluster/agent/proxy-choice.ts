/**
 * Whether a request goes through a proxy, and through which.
 *
 * A cluster's `proxy-url` always holds. Else the environment decides, by the
 * rules of Go's `httpproxy`, which kubectl has: HTTPS_PROXY or HTTP_PROXY by the
 * server's scheme, upper case ahead of lower; never for localhost and loopback
 * addresses; not for what NO_PROXY matches:
 *
 *     *                  everything
 *     example.com        the domain and all below it
 *     .example.com       all below it (`*.example.com` is the same)
 *     10.0.0.0/8         addresses in a range; 10.1.2.3 one address
 *     …:6443             with a port, that port alone
 */
import { BlockList, isIP } from 'node:net';
import { ClusterError } from '../errors.ts';

const SCHEMES = new Set(['http:', 'https:', 'socks5:', 'socks5h:']);
const DEFAULT_PORTS: Readonly<Record<string, string>> = { 'http:': '80', 'https:': '443' };

/** The `proxy-url` of a kubeconfig's cluster. @throws ClusterError */
export function proxyFromUrl(address: string, clusterName: string): URL {
  const proxy = proxyUrl(address);
  if (proxy) return proxy;
  throw new ClusterError(
    'KUBECONFIG_INVALID',
    `the proxy-url of cluster "${clusterName}" is no http, https or socks5 URL: ${address}`,
    `correct it: kubectl config set-cluster ${clusterName} --proxy-url=http://…`,
  );
}

/** @throws ClusterError where the environment names something that is no proxy */
export function proxyFromEnvironment(server: URL, env: NodeJS.ProcessEnv): URL | undefined {
  const name = server.protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY';
  const address = either(env, name);
  if (address === '' || isExempt(server, either(env, 'NO_PROXY'))) return undefined;
  // Without a scheme it is an HTTP proxy, so that "proxy:3128" is a host and a port.
  const proxy = proxyUrl(address.includes('://') ? address : `http://${address}`);
  if (proxy) return proxy;
  throw new ClusterError(
    'PROXY_FAILED',
    `${name} is no http, https or socks5 URL: ${address}`,
    `correct it, or except the server: NO_PROXY=${server.hostname}`,
  );
}

function proxyUrl(address: string): URL | undefined {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  return url && SCHEMES.has(url.protocol) && url.hostname !== '' ? url : undefined;
}

function either(env: NodeJS.ProcessEnv, name: string): string {
  return env[name] || env[name.toLowerCase()] || '';
}

function isExempt(server: URL, noProxy: string): boolean {
  const host = bareHost(server).toLowerCase().replace(/\.$/, '');
  if (host === 'localhost' || isWithin(host, '127.0.0.0/8') || host === '::1') return true;
  const port = server.port || DEFAULT_PORTS[server.protocol];
  return noProxy
    .split(',')
    .map((rule) => rule.trim().toLowerCase())
    .filter((rule) => rule !== '')
    .some((rule) => matches(rule, host, port));
}

function matches(rule: string, host: string, port: string | undefined): boolean {
  if (rule === '*') return true;
  if (rule.includes('/')) return isWithin(host, rule);
  // Of host:port, [v6]:port, [v6] and a bare v6 address.
  const [, bracketed, plain = '', rulePort] = /^(?:\[([^\]]+)\]|(.*?))(?::(\d+))?$/.exec(rule) ?? [];
  const name = isIP(rule) === 0 ? (bracketed ?? plain) : rule;
  if (isIP(rule) === 0 && rulePort !== undefined && rulePort !== port) return false;
  if (isIP(name) !== 0) return isWithin(host, `${name}/${isIP(name) === 4 ? 32 : 128}`);
  const below = name.replace(/^\*?\./, '.');
  return below.startsWith('.') ? host.endsWith(below) : host === below || host.endsWith(`.${below}`);
}

function isWithin(host: string, range: string): boolean {
  const [network = '', prefix = ''] = range.split('/');
  const bits = Number(prefix);
  const valid = isIP(network) !== 0 && /^\d+$/.test(prefix) && bits <= (isIP(network) === 4 ? 32 : 128);
  if (!valid || isIP(host) === 0) return false;
  const list = new BlockList();
  list.addSubnet(network, bits, family(network));
  return list.check(host, family(host));
}

function family(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 4 ? 'ipv4' : 'ipv6';
}

/** Without the brackets that a URL has around an IPv6 address. */
export function bareHost({ hostname }: URL): string {
  return hostname.replaceAll(/^\[|\]$/g, '');
}
