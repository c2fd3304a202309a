/** Makes the API servers of a sandbox's contexts reachable in it; see exceptions.ts for what that is. */

import { isIP } from 'node:net';
import { type HostDial, HostStream } from '../../egress/index.ts';
import { serviceNames } from '../../names/service-names.ts';
import type { Log } from '../../observe/log.ts';
import type { RemoteStream, RemoteStreamEvents } from '../../relay/stream.ts';
import type { Sandbox } from '../../../sandbox/index.ts';
import type { ConnectedContexts, ContextAccess } from '../contexts.ts';
import type { Endpoint } from '../routing/destination.ts';
import type { Directory } from '../routing/directory.ts';
import { apiServerOf, type HostException, loopbackAddresses } from './exceptions.ts';
import { LoopbackServers } from './loopback.ts';

export interface ApiServerOptions {
  readonly contexts: ConnectedContexts;
  readonly directory: Pick<Directory, 'addEndpoint' | 'owns'>;
  /** The domain of the clusters: `cluster.local`. */
  readonly domain: string;
  readonly log: Log;
}

/** The Service by which pods know their API server. */
const IN_CLUSTER = { namespace: 'default', name: 'kubernetes' };
const IN_CLUSTER_PORT = 443;

/** Those on the host's loopback: they listen on the sandbox's own, before there is any network. */
export async function openLoopbackServers(
  contexts: ConnectedContexts,
  sandbox: Pick<Sandbox, 'listenInside'>,
  log: Log,
): Promise<LoopbackServers> {
  const loopback = new LoopbackServers(log);
  await loopback.open(sandbox, hostExceptions(contexts).filter(isLoopback));
  return loopback;
}

/** All others, and the name that pods know. Throws `CIDR_FULL`. */
export function addApiServers({ contexts, directory, domain, log }: ApiServerOptions): void {
  const exceptions = hostExceptions(contexts);
  for (const [host, ports] of byHost(exceptions.filter((one) => !isLoopback(one)))) {
    const isLiteral = isIP(host) !== 0;
    if (isLiteral && directory.owns(host))
      log.warn(
        `the API server ${host} is in the sandbox's own range, and a Service may be there: choose another --cidr`,
      );
    directory.addEndpoint(new HostEndpoint(host, ports), {
      names: isLiteral ? [] : [host],
      literals: isLiteral ? [host] : [],
    });
  }
  for (const context of contexts.all) {
    const contextLabel = contexts.all.length > 1 ? { contextLabel: context.label } : {};
    const { names, canonical } = serviceNames(IN_CLUSTER, { domain, ...contextLabel });
    const [bare, ...qualified] = names;
    directory.addEndpoint(
      new HostEndpoint(canonical, new Map([[IN_CLUSTER_PORT, apiServerOf(context.access).dial]])),
      {
        names: context.namespaces[0] === IN_CLUSTER.namespace ? [bare, ...qualified] : qualified,
        literals: [],
      },
    );
  }
}

/** What the kubeconfigs name, each host and port once. */
export function hostExceptions(contexts: { readonly all: readonly ContextAccess[] }): HostException[] {
  const all = contexts.all.flatMap(({ access }) => apiServerOf(access).exceptions);
  return [...new Map(all.toReversed().map((one) => [`${one.host} ${one.port}`, one])).values()].toReversed();
}

function isLoopback({ host }: HostException): boolean {
  return loopbackAddresses(host).length > 0;
}

function byHost(exceptions: readonly HostException[]): Map<string, Map<number, HostDial>> {
  const hosts = new Map<string, Map<number, HostDial>>();
  for (const { host, port, dial } of exceptions) {
    const ports = hosts.get(host) ?? new Map<number, HostDial>();
    hosts.set(host, ports.set(port, dial));
  }
  return hosts;
}

class HostEndpoint implements Endpoint {
  readonly name: string;
  readonly leftOutBy = '--no-api-server leaves it out';
  readonly #ports: ReadonlyMap<number, HostDial>;

  constructor(name: string, ports: ReadonlyMap<number, HostDial>) {
    this.name = name;
    this.#ports = ports;
  }

  hasPort(port: number): boolean {
    return this.#ports.has(port);
  }

  dial(port: number, events: RemoteStreamEvents): RemoteStream {
    const dial = this.#ports.get(port);
    if (dial === undefined) throw new RangeError(`${this.name} has no port ${port}`);
    return new HostStream(dial, events);
  }
}
