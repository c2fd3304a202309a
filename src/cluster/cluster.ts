/**
 * A cluster that is connected: its Services, and connections to their pods.
 *
 * Services are listed once. Endpoints are listed at the start and again,
 * bounded in rate and never twice at once for a namespace: before a dial fails
 * for want of a ready pod or tries another one than that which failed, and
 * behind a dial that went by an old list.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { type RemoteStream, RemoteStreamError, type RemoteStreamEvents } from '../relay/stream.ts';
import type { ClusterAccess } from './access/access.ts';
import { ApiClient } from './api/client.ts';
import { Discovery } from './discovery/lists.ts';
import type { EndpointPod, EndpointTable, Target } from './discovery/endpoints.ts';
import { actionLine } from '../errors.ts';
import { ClusterError, reasonOf } from './errors.ts';
import { Dial, type Route } from './forward/dial.ts';
import { type Forwarder, createForwarder } from './forward/forwarder.ts';
import type { TransportName } from './forward/ladder.ts';
import { DEFAULT_LIMITS, type ForwardLimits } from './forward/limits.ts';
import type { ClusterLog } from './log.ts';
import { type ServiceId, type ServiceRecord, tcpPort } from './discovery/services.ts';

/** What keeps all connections from being made is said once in this time. */
const REPORT_INTERVAL_MS = 10_000;

export interface ConnectOptions {
  readonly namespaces: readonly string[];
  readonly log: ClusterLog;
  /** For each request to the API server. */
  readonly timeoutMs?: number;
  /** The transports that may be used, in this order. */
  readonly transports?: readonly TransportName[];
  readonly limits?: Partial<ForwardLimits>;
}

/** Whose address it is that a program was told: a Service's ClusterIP, or a pod's own. */
export type Owner =
  | { readonly kind: 'service'; readonly service: ServiceRecord }
  | { readonly kind: 'pod'; readonly service: ServiceRecord; readonly podLabel: string };

/** What `waitReady` waits for. */
export interface WaitTarget {
  readonly namespace?: string;
  readonly name: string;
}

export interface Cluster {
  readonly contextName: string;
  /** The kubeconfig's name of the cluster; it stays where the server's address changes. */
  readonly clusterName: string;
  /** Those that there are now, those of the first namespace first. */
  readonly services: readonly ServiceRecord[];
  /** Told which Services have changed, come or gone, or have other pods than before. */
  onChange: ((changed: readonly ServiceId[]) => void) | undefined;
  find(namespace: string, name: string): ServiceRecord | undefined;
  /** The pods that DNS leads to now, each by its label: `db-0` of `db-0.db`. */
  podsOf(service: ServiceRecord): readonly EndpointPod[];
  /** Whose address this is, of what is selected. */
  owner(address: string): Owner | undefined;
  /**
   * Whether the Service has this TCP port; what it lacks is refused.
   *
   * Under a headless Service's name a client meets the pods themselves, so
   * every port of theirs is there.
   */
  hasPort(service: ServiceRecord, port: number): boolean;
  /** Opens a stream to a ready pod of the Service. */
  dialService(service: ServiceRecord, port: number, events: RemoteStreamEvents): RemoteStream;
  /** Opens a stream to one pod of a headless Service. */
  dialPod(service: ServiceRecord, podLabel: string, port: number, events: RemoteStreamEvents): RemoteStream;
  /**
   * Resolves once the Service has a ready pod.
   *
   * @param target without a namespace, the first one asked for that has it
   * @throws ClusterError `WAIT_TIMEOUT`
   */
  waitReady(target: WaitTarget, timeoutMs: number, signal?: AbortSignal): Promise<void>;
  /** Ends all streams; no connection to the cluster is left afterwards. */
  close(): Promise<void>;
}

/** @throws ClusterError */
export async function connectCluster(access: ClusterAccess, options: ConnectOptions): Promise<Cluster> {
  const api = new ApiClient(access, options.timeoutMs);
  const cluster = new ConnectedCluster(api, options);
  try {
    await cluster.list([...new Set(options.namespaces)]);
  } catch (error) {
    await cluster.close();
    throw error;
  }
  return cluster;
}

interface NamespaceEndpoints {
  table: EndpointTable;
  listedAtMs: number;
  refreshing: Promise<void> | undefined;
}

class ConnectedCluster implements Cluster {
  services: readonly ServiceRecord[] = [];
  onChange: ((changed: readonly ServiceId[]) => void) | undefined;
  readonly #api: ApiClient;
  readonly #log: ClusterLog;
  readonly #discovery: Discovery;
  readonly #endpoints = new Map<string, NamespaceEndpoints>();
  readonly #forwarder: Forwarder;
  readonly #reportedAtMs = new Map<string, number>();

  constructor(api: ApiClient, options: ConnectOptions) {
    const limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#api = api;
    this.#log = options.log;
    this.#discovery = new Discovery(api, options.log);
    this.#forwarder = createForwarder(api, {
      limits,
      log: options.log,
      transports: options.transports,
      report: (error) => this.#report(error),
    });
  }

  async list(namespaces: readonly string[]): Promise<void> {
    const listed = await Promise.all(
      namespaces.map(async (namespace) => {
        const [services, table] = await Promise.allSettled([
          this.#discovery.services(namespace),
          this.#discovery.endpoints(namespace),
        ]);
        // Of two failures, that of the Services knows whether the namespace exists.
        if (services.status === 'rejected') throw services.reason;
        if (table.status === 'rejected') throw table.reason;
        this.#endpoints.set(namespace, {
          table: table.value,
          listedAtMs: performance.now(),
          refreshing: undefined,
        });
        return services.value;
      }),
    );
    this.services = listed.flat();
  }

  get contextName(): string {
    return this.#api.access.contextName;
  }

  get clusterName(): string {
    return this.#api.access.clusterName;
  }

  find(namespace: string, name: string): ServiceRecord | undefined {
    return this.services.find((service) => service.namespace === namespace && service.name === name);
  }

  podsOf(service: ServiceRecord): readonly EndpointPod[] {
    return this.#endpoints.get(service.namespace)?.table.pods(service.name) ?? [];
  }

  owner(address: string): Owner | undefined {
    for (const service of this.services) {
      if (service.clusterIPs.includes(address)) return { kind: 'service', service };
      const pod = this.podsOf(service).find(({ addresses }) => addresses.includes(address));
      if (pod) return { kind: 'pod', service, podLabel: pod.label };
    }
    return undefined;
  }

  async waitReady(target: WaitTarget, timeoutMs: number, signal?: AbortSignal): Promise<void> {
    const { namespace, name } = target;
    const deadline = AbortSignal.timeout(timeoutMs);
    for (;;) {
      const service = this.services.find(
        (one) => one.name === name && (namespace === undefined || one.namespace === namespace),
      );
      if (service && this.podsOf(service).length > 0) return;
      if (deadline.aborted) {
        throw new ClusterError(
          'WAIT_TIMEOUT',
          `${namespace ?? service?.namespace ?? '*'}/${name} has had no ready pod within ${timeoutMs / 1000} s`,
          `see why: kubectl --context ${this.contextName} describe endpointslices`,
        );
      }
      await delay(this.#forwarder.limits.endpointsRefreshMs, undefined, signal ? { signal } : {});
      if (service) await this.#refresh(service.namespace, 0);
    }
  }

  hasPort(service: ServiceRecord, port: number): boolean {
    return service.headless || tcpPort(service, port) !== undefined;
  }

  dialService(service: ServiceRecord, port: number, events: RemoteStreamEvents): RemoteStream {
    return new Dial(this.#route(service, undefined, port), this.#forwarder, events);
  }

  dialPod(service: ServiceRecord, podLabel: string, port: number, events: RemoteStreamEvents): RemoteStream {
    return new Dial(this.#route(service, podLabel, port), this.#forwarder, events);
  }

  async close(): Promise<void> {
    this.#forwarder.pool.close();
    await this.#api.close();
  }

  #route(service: ServiceRecord, podLabel: string | undefined, port: number): Route {
    const { namespace, name, sessionAffinity } = service;
    const servicePort = tcpPort(service, port);
    const host = podLabel === undefined ? name : `${podLabel}.${name}`;
    const { endpointsRefreshMs, endpointsStaleMs } = this.#forwarder.limits;
    return {
      name: `${host}.${namespace}:${port}`,
      service: `${namespace}/${name}`,
      ...(sessionAffinity ? { affinityMs: sessionAffinity.timeoutSeconds * 1000 } : {}),
      targets: async (retrying) => {
        if (podLabel === undefined && !this.hasPort(service, port))
          throw new RemoteStreamError('refused', 'the Service has no such port');
        const candidates = (): Target[] =>
          this.#endpoints.get(namespace)?.table.targets(name, servicePort, port, podLabel) ?? [];
        let targets = candidates();
        if (retrying || targets.length === 0) {
          await this.#refresh(namespace, endpointsRefreshMs);
          targets = candidates();
        } else {
          void this.#refresh(namespace, endpointsStaleMs);
        }
        if (targets.length === 0 && this.#endpoints.get(namespace)?.table.onlyWithoutPods(name)) {
          throw new RemoteStreamError(
            'unreachable',
            'its endpoints are no pods of the cluster, and a port-forward reaches only pods',
          );
        }
        return targets;
      },
    };
  }

  /** Lists the endpoints of a namespace again, unless they are younger than that. */
  async #refresh(namespace: string, olderThanMs: number): Promise<void> {
    const known = this.#endpoints.get(namespace);
    if (!known) return;
    if (!known.refreshing && performance.now() - known.listedAtMs >= olderThanMs) {
      known.refreshing = this.#relist(namespace, known);
    }
    await known.refreshing;
  }

  async #relist(namespace: string, known: NamespaceEndpoints): Promise<void> {
    try {
      known.table = await this.#discovery.endpoints(namespace);
    } catch (error) {
      this.#log.debug(`endpoints of ${namespace} could not be listed again: ${reasonOf(error)}`);
    } finally {
      known.listedAtMs = performance.now();
      known.refreshing = undefined;
    }
  }

  #report(error: ClusterError): void {
    const now = performance.now();
    const last = this.#reportedAtMs.get(error.code);
    if (last !== undefined && now - last < REPORT_INTERVAL_MS) return;
    this.#reportedAtMs.set(error.code, now);
    this.#log.warn(actionLine(error));
  }
}
