/**
 * A cluster that is connected: its Services, and connections to their pods.
 *
 * Services are listed once. Endpoints are listed at the start and again,
 * bounded in rate and never twice at once for a namespace: before a dial fails
 * for want of a ready pod or tries another one than that which failed, and
 * behind a dial that went by an old list.
 */
import { type RemoteStream, RemoteStreamError, type RemoteStreamEvents } from '../relay/stream.ts';
import type { ClusterAccess } from './access.ts';
import { ApiClient } from './api.ts';
import { Discovery } from './discovery.ts';
import { type EndpointTable, type Target, podKey } from './endpoints.ts';
import { actionLine } from '../errors.ts';
import { ClusterError, reasonOf } from './errors.ts';
import { Dial, type Forwarder, type Route } from './forward/dial.ts';
import { HalfClosed } from './forward/half-closed.ts';
import { KnownGood } from './forward/known-good.ts';
import { TransportLadder, type TransportName } from './forward/ladder.ts';
import { DEFAULT_LIMITS, type ForwardLimits } from './forward/limits.ts';
import { ConnectionPool } from './forward/pool.ts';
import type { ClusterLog } from './log.ts';
import { type ServiceRecord, tcpPort } from './services.ts';

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

export interface PodName {
  readonly hostname: string;
  readonly podName: string;
}

export interface Cluster {
  readonly services: readonly ServiceRecord[];
  /** The ready pods with a name of their own under a headless Service: `db-0` of `db-0.db`. */
  podsOf(service: ServiceRecord): PodName[];
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
  dialPod(
    service: ServiceRecord,
    podHostname: string,
    port: number,
    events: RemoteStreamEvents,
  ): RemoteStream;
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
  readonly #api: ApiClient;
  readonly #log: ClusterLog;
  readonly #discovery: Discovery;
  readonly #endpoints = new Map<string, NamespaceEndpoints>();
  readonly #forwarder: Forwarder;
  /** Round robin: whose turn it is, by Service. */
  readonly #turns = new Map<string, number>();
  readonly #reportedAtMs = new Map<string, number>();

  constructor(api: ApiClient, options: ConnectOptions) {
    const limits = { ...DEFAULT_LIMITS, ...options.limits };
    const ladder = new TransportLadder(api, limits, options.log, options.transports);
    this.#api = api;
    this.#log = options.log;
    this.#discovery = new Discovery(api, options.log);
    this.#forwarder = {
      pool: new ConnectionPool(ladder, limits),
      limits,
      knownGood: new KnownGood(limits.knownGoodMs),
      halfClosed: new HalfClosed(limits),
      log: options.log,
      report: (error) => this.#report(error),
    };
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

  podsOf(service: ServiceRecord): PodName[] {
    const pods = this.#endpoints.get(service.namespace)?.table.pods(service.name) ?? [];
    return pods.flatMap(({ hostname, name }) => (hostname ? [{ hostname, podName: name }] : []));
  }

  hasPort(service: ServiceRecord, port: number): boolean {
    return service.headless || tcpPort(service, port) !== undefined;
  }

  dialService(service: ServiceRecord, port: number, events: RemoteStreamEvents): RemoteStream {
    return new Dial(this.#route(service, undefined, port), this.#forwarder, events);
  }

  dialPod(
    service: ServiceRecord,
    podHostname: string,
    port: number,
    events: RemoteStreamEvents,
  ): RemoteStream {
    return new Dial(this.#route(service, podHostname, port), this.#forwarder, events);
  }

  async close(): Promise<void> {
    this.#forwarder.pool.close();
    await this.#api.close();
  }

  #route(service: ServiceRecord, podHostname: string | undefined, port: number): Route {
    const { namespace, name } = service;
    const servicePort = tcpPort(service, port);
    const host = podHostname === undefined ? name : `${podHostname}.${name}`;
    const { endpointsRefreshMs, endpointsStaleMs } = this.#forwarder.limits;
    return {
      name: `${host}.${namespace}:${port}`,
      next: async (triedPods, retrying) => {
        if (!this.hasPort(service, port))
          throw new RemoteStreamError('refused', 'the Service has no such port');
        const candidates = (): Target[] => {
          const { table } = this.#endpoints.get(namespace) ?? {};
          const targets = table?.targets(name, servicePort, port, podHostname) ?? [];
          return targets.filter(({ pod }) => !triedPods.has(podKey(pod)));
        };
        let targets = candidates();
        if (retrying || targets.length === 0) {
          await this.#refresh(namespace, endpointsRefreshMs);
          targets = candidates();
        } else {
          void this.#refresh(namespace, endpointsStaleMs);
        }
        if (targets.length > 0) return targets[this.#turn(`${namespace}/${name}`) % targets.length];
        if (this.#endpoints.get(namespace)?.table.onlyWithoutPods(name)) {
          throw new RemoteStreamError(
            'unreachable',
            'its endpoints are no pods of the cluster, and a port-forward reaches only pods',
          );
        }
        return undefined;
      },
    };
  }

  #turn(service: string): number {
    const turn = this.#turns.get(service) ?? 0;
    this.#turns.set(service, turn + 1);
    return turn;
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
