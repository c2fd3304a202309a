/**
 * The one part of the host's network that is reached from every sandbox: the
 * API servers of its contexts, so that kubectl and client libraries work inside
 * with the user's own kubeconfig.
 *
 * How depends on what the kubeconfig names, for the tools inside read the same:
 *
 *     https://127.0.0.1:6443   kind, minikube, k3d: the sandbox has a loopback of its own, so that
 *     https://localhost:6443   a listener in there takes the connections, and the kernel carries them
 *     https://192.168.1.5      the address has a route to us, and is dialled from the host
 *     https://api.example.com  the name stands for an address of ours, which is dialled by that name
 *
 * `kubernetes.default.svc` leads there as well, as in a pod. Ports other than the
 * server's own are refused. A proxy on the way is ours to go through. Where the
 * kubeconfig names it (`proxy-url`), tools inside dial it themselves, so that it
 * is one more such destination; one of the environment is not.
 */

import ipaddr from 'ipaddr.js';
import { bareHost, type ClusterAccess } from '../../cluster/index.ts';
import { dialTcp, type HostDial } from '../../egress/index.ts';
import { dialThrough } from './proxied.ts';

/** A host and port that the sandbox may reach. */
export interface HostException {
  /** As it is named: an address without brackets, or a name. */
  readonly host: string;
  readonly port: number;
  readonly dial: HostDial;
}

export interface ApiServer {
  /** What the kubeconfig names, the server itself first. */
  readonly exceptions: readonly HostException[];
  /** To the API server, by the way that the kubeconfig has for it. */
  readonly dial: HostDial;
}

export function apiServerOf(access: ClusterAccess): ApiServer {
  const { server, proxy, proxyIsNamed, tls } = access;
  const { host, port } = endpointOf(server);
  const dial = proxy === undefined ? dialTcp(host, port) : dialThrough(proxy, host, port, tls);
  const exceptions: HostException[] = [{ host, port, dial }];
  if (proxy !== undefined && proxyIsNamed) {
    const own = endpointOf(proxy);
    exceptions.push({ ...own, dial: dialTcp(own.host, own.port) });
  }
  return { exceptions, dial };
}

const DEFAULT_PORTS: Readonly<Record<string, number>> = {
  'https:': 443,
  'http:': 80,
  'socks5:': 1080,
  'socks5h:': 1080,
};

function endpointOf(url: URL): { host: string; port: number } {
  return { host: bareHost(url), port: url.port === '' ? DEFAULT_PORTS[url.protocol] : Number(url.port) };
}

/**
 * Where in the sandbox's own loopback a host is met; none where it is not there.
 * 0.0.0.0, which k3d writes, means the loopback to connect(2).
 */
export function loopbackAddresses(host: string): readonly string[] {
  if (host === 'localhost') return ['127.0.0.1', '::1'];
  if (!ipaddr.isValid(host)) return [];
  const address = ipaddr.process(host);
  if (address.range() === 'loopback') return [address.toString()];
  if (address.range() === 'unspecified') return [address.kind() === 'ipv4' ? '127.0.0.1' : '::1'];
  return [];
}
