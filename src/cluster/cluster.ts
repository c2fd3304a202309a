/**
 * A cluster that is connected: what there is in it now, and connections to its pods.
 *
 * What is known is kept up to date by watches (discovery/). Where an account
 * may not watch, or the API server is away, endpoints may be old: there they
 * are listed again, bounded in rate, before a dial fails for want of a ready
 * pod or tries another one than that which failed, and behind a dial that went
 * by an old list.
 */
import { monotonicMs } from '../monotonic.ts';
import { type RemoteStream, RemoteStreamError, type RemoteStreamEvents } from '../relay/stream.ts';
import type { ClusterAccess } from './access/access.ts';
import { ApiClient } from './api/client.ts';
import type { Catalog, Owner } from './discovery/catalog.ts';
import { Discovery, type Selection } from './discovery/discovery.ts';
import { insteadOf, NO_PODS } from './discovery/elsewhere.ts';
import type { EndpointPod, Target } from './discovery/endpoints.ts';
import type { DiscoveryLimits } from './discovery/limits.ts';
import { actionLine } from '../errors.ts';
import type { ClusterError } from './errors.ts';
import { NO_READY_POD } from './forward/dial/candidates.ts';
import { Dial } from './forward/dial/dial.ts';
import type { Route } from './forward/dial/route.ts';
import { type Forwarder, createForwarder } from './forward/forwarder.ts';
import type { TransportName } from './forward/ladder.ts';
import { DEFAULT_LIMITS, type ForwardLimits } from './forward/limits.ts';
import type { ClusterLog } from './log.ts';
import {
  hasPort,
  keyOf,
  portsText,
  type ServiceId,
  type ServiceRecord,
  tcpPort,
} from './discovery/services.ts';
import { type WaitTarget, waitReady } from './discovery/wait.ts';

/** Who waits longer than this for the first answer is told for whose. */
const PATIENCE_MS = 2_000;
/** What keeps all connections from being made is said once in this time. */
const REPORT_INTERVAL_MS = 10_000;

export interface ConnectOptions extends Selection {
  readonly log: ClusterLog;
  /** For each request to the API server. */
  readonly timeoutMs?: number;
  /** The transports that may be used, in this order. */
  readonly transports?: readonly TransportName[];
  readonly limits?: Partial<ForwardLimits>;
  readonly discoveryLimits?: Partial<DiscoveryLimits>;
}

export interface Cluster {
  readonly contextName: string;
  /** The kubeconfig's name of the cluster; it stays where the server's address changes. */
  readonly clusterName: string;
  /** Those that there are now, those of the first namespace first. */
  readonly services: readonly ServiceRecord[];
  /** How many there are, those that `read` has still to read among them. */
  readonly serviceCount: number;
  /** Reads what long lists have brought. @throws ClusterError where an object is none */
  read(): Promise<void>;
  /** What is known follows the cluster from now on; nothing is missed of what has happened since the lists. */
  follow(): void;
  /** Told which Services have changed, come or gone, or have other pods than before. */
  onChange: ((changed: readonly ServiceId[]) => void) | undefined;
  find(namespace: string, name: string): ServiceRecord | undefined;
  /** The pods that DNS leads to now, each by its label: `db-0` of `db-0.db`. */
  podsOf(service: ServiceRecord): readonly EndpointPod[];
  /** Whose address this is, of what is selected. */
  owner(address: string): Owner | undefined;
  /** Whether the Service has this TCP port; what it lacks is refused. */
  hasPort(service: ServiceRecord, port: number): boolean;
  /**
   * Why no connection to this port can be made as things are: no ready pod, or none with the targetPort, endpoints
   * that are no pods, no such port. undefined where one may be.
   */
  obstacle(service: ServiceRecord, port: number, podLabel?: string): string | undefined;
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

/** All that was selected is known then, and followed. @throws ClusterError */
export async function connectCluster(access: ClusterAccess, options: ConnectOptions): Promise<Cluster> {
  const cluster = await connectUnread(access, options);
  await cluster.read();
  cluster.follow();
  return cluster;
}

/** The same, where what long lists have brought is still to be read, and to be followed. @throws ClusterError */
export async function connectUnread(access: ClusterAccess, options: ConnectOptions): Promise<Cluster> {
  const api = new ApiClient(access, options.timeoutMs);
  const cluster = new ConnectedCluster(api, options);
  try {
    await cluster.start();
  } catch (error) {
    await cluster.close();
    throw error;
  }
  return cluster;
}

class ConnectedCluster implements Cluster {
  onChange: ((changed: readonly ServiceId[]) => void) | undefined;
  readonly #api: ApiClient;
  readonly #log: ClusterLog;
  readonly #discovery: Discovery;
  readonly #catalog: Catalog;
  readonly #forwarder: Forwarder;
  readonly #reportedAtMs = new Map<string, number>();

  constructor(api: ApiClient, options: ConnectOptions) {
    const { log, transports, discoveryLimits = {} } = options;
    this.#api = api;
    this.#log = log;
    this.#forwarder = createForwarder(api, {
      limits: { ...DEFAULT_LIMITS, ...options.limits },
      log,
      transports,
      report: (error) => this.#report(error),
    });
    const { pool } = this.#forwarder;
    const onPodLeft = (pod: EndpointPod): void => pool.podLeft(pod);
    this.#discovery = new Discovery(options, { api, log, limits: discoveryLimits, onPodLeft });
    this.#catalog = this.#discovery.catalog;
  }

  /** Resolves when all that was selected is listed. @throws ClusterError */
  async start(): Promise<void> {
    const { server, contextName } = this.#api.access;
    const tell = () => this.#log.warn(`waiting for ${server.href} (context ${contextName})`);
    let telling: NodeJS.Timeout | undefined;
    this.#api.onSend = () => (telling ??= setTimeout(tell, PATIENCE_MS));
    this.#api.onAnswer = () => clearTimeout(telling);
    try {
      await this.#discovery.start();
    } finally {
      this.#api.onSend = undefined;
      this.#api.onAnswer = undefined;
      clearTimeout(telling);
    }
  }

  async read(): Promise<void> {
    await this.#discovery.read();
    this.#catalog.onChange((changed) => this.onChange?.(changed));
    this.#warmUp();
  }

  follow(): void {
    this.#discovery.follow();
  }

  get serviceCount(): number {
    return this.#discovery.serviceCount;
  }

  /** Where there are few Services, a command's first connections find theirs open. */
  #warmUp(): void {
    const { balancer, limits, pool } = this.#forwarder;
    if (this.services.length > limits.warmServices) return;
    for (const service of this.services) {
      const port = service.ports.find(({ protocol }) => protocol === 'TCP');
      const targets = port
        ? this.#catalog.endpoints.targets(keyOf(service), { servicePort: port, rawPort: port.port })
        : [];
      const first = balancer.peek({ service: keyOf(service) }, targets, monotonicMs());
      if (first) pool.warm(first);
    }
  }

  get contextName(): string {
    return this.#api.access.contextName;
  }

  get clusterName(): string {
    return this.#api.access.clusterName;
  }

  get services(): readonly ServiceRecord[] {
    return this.#catalog.services;
  }

  find(namespace: string, name: string): ServiceRecord | undefined {
    return this.#catalog.find({ namespace, name });
  }

  podsOf(service: ServiceRecord): readonly EndpointPod[] {
    return this.#catalog.endpoints.pods(keyOf(service));
  }

  owner(address: string): Owner | undefined {
    return this.#catalog.owner(address);
  }

  async waitReady(target: WaitTarget, timeoutMs: number, signal?: AbortSignal): Promise<void> {
    await waitReady(this.#catalog, target, { timeoutMs, contextName: this.contextName, signal });
  }

  hasPort(service: ServiceRecord, port: number): boolean {
    return hasPort(service, port);
  }

  obstacle(service: ServiceRecord, port: number, podLabel?: string): string | undefined {
    try {
      return this.#targets(service, podLabel, port).length === 0
        ? this.#whyNone(service, port, podLabel)
        : undefined;
    } catch (error) {
      if (error instanceof RemoteStreamError) return error.message;
      throw error;
    }
  }

  dialService(service: ServiceRecord, port: number, events: RemoteStreamEvents): RemoteStream {
    return new Dial(this.#route(service, undefined, port), this.#forwarder, events);
  }

  dialPod(service: ServiceRecord, podLabel: string, port: number, events: RemoteStreamEvents): RemoteStream {
    return new Dial(this.#route(service, podLabel, port), this.#forwarder, events);
  }

  async close(): Promise<void> {
    this.#discovery.close();
    this.#forwarder.pool.close();
    await this.#api.close();
  }

  #route(service: ServiceRecord, podLabel: string | undefined, port: number): Route {
    const { namespace, name, sessionAffinity } = service;
    const host = podLabel === undefined ? name : `${podLabel}.${name}`;
    return {
      name: `${host}.${namespace}:${port}`,
      service: keyOf(service),
      ...(sessionAffinity ? { affinityMs: sessionAffinity.timeoutSeconds * 1000 } : {}),
      targets: async (retrying) => {
        const { endpointsRefreshMs, endpointsStaleMs } = this.#forwarder.limits;
        const targets = this.#targets(service, podLabel, port);
        if (!retrying && targets.length > 0) {
          void this.#discovery.refresh(service, endpointsStaleMs);
          return targets;
        }
        await this.#discovery.refresh(service, endpointsRefreshMs);
        return this.#targets(service, podLabel, port);
      },
    };
  }

  /** @throws RemoteStreamError where no pod will ever do */
  #targets(asked: ServiceRecord, podLabel: string | undefined, port: number): readonly Target[] {
    const service = this.#catalog.find(asked);
    if (!service) throw new RemoteStreamError('refused', `the ${asked.kind} is not there any more`);
    const servicePort = tcpPort(service, port);
    if (podLabel === undefined && !this.hasPort(service, port))
      throw new RemoteStreamError('refused', `the Service has no such port: ${portsText(service)}`);
    const { endpoints } = this.#catalog;
    const targets = endpoints.targets(keyOf(service), {
      // Under its own address a pod has the ports that it has, whatever the Service makes of them.
      servicePort: podLabel === undefined || service.headless ? servicePort : undefined,
      rawPort: port,
      ...(podLabel === undefined ? {} : { label: podLabel }),
      inAnyState: service.kind === 'Pod',
    });
    if (targets.length > 0) return targets;
    const elsewhere = endpoints.withoutPods(keyOf(service), servicePort);
    if (elsewhere.length > 0)
      throw new RemoteStreamError('unreachable', `${NO_PODS}: ${insteadOf(elsewhere)}`);
    return targets;
  }

  /** A name that no container's port has leaves ready pods without the port. */
  #whyNone(asked: ServiceRecord, port: number, podLabel: string | undefined): string {
    const service = this.#catalog.find(asked) ?? asked;
    const targetPort = tcpPort(service, port)?.targetPort;
    const isReady = this.podsOf(service).some(({ label }) => podLabel === undefined || label === podLabel);
    if (typeof targetPort !== 'string' || !isReady) return NO_READY_POD;
    return `no container of its ready pods has a TCP port called "${targetPort}", its targetPort`;
  }

  #report(error: ClusterError): void {
    const now = monotonicMs();
    const last = this.#reportedAtMs.get(error.code);
    if (last !== undefined && now - last < REPORT_INTERVAL_MS) return;
    this.#reportedAtMs.set(error.code, now);
    this.#log.warn(actionLine(error));
  }
}
