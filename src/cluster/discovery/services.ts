/** Services as plain data: what the rest of the program needs of them, and nothing else. */
import type { V1Service, V1ServicePort } from '@kubernetes/client-node';
import type { Json, Namespaced } from '../api/objects.ts';

/** What names a Service, also after it is gone. */
export interface ServiceId {
  readonly namespace: string;
  readonly name: string;
}

/** As a key of tables. */
export function keyOf({ namespace, name }: ServiceId): string {
  return `${namespace}/${name}`;
}

const PROTOCOLS = ['TCP', 'UDP', 'SCTP'] as const;
const TYPES = ['ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName'] as const;

type Protocol = (typeof PROTOCOLS)[number];

export interface ServicePort {
  /** Absent where the Service has one port without a name. */
  readonly name?: string;
  readonly port: number;
  readonly protocol: Protocol;
  readonly targetPort: number | string;
}

export interface ServiceRecord extends ServiceId {
  /** A pod or a workload was picked by the user; any TCP port of its pods is there. */
  readonly kind: 'Service' | 'Pod' | 'Deployment' | 'StatefulSet';
  readonly type: (typeof TYPES)[number];
  /** One for each address family; none for headless and ExternalName Services. */
  readonly clusterIPs: readonly string[];
  /** DNS leads to the pods themselves (`clusterIP: None`). */
  readonly headless: boolean;
  readonly externalName?: string;
  readonly ports: readonly ServicePort[];
  /** Labels of its pods; where there are none, endpoints are made by hand and need not be pods. */
  readonly selector?: Readonly<Record<string, string>>;
  /** `sessionAffinity: ClientIP`: the pod that a client was given stays its own for this long. */
  readonly sessionAffinity?: { readonly timeoutSeconds: number };
  /** DNS leads to pods that are not ready yet, too; the endpoints then say that they are ready. */
  readonly publishNotReadyAddresses: boolean;
}

/** Kubernetes' own default (core/v1, ClientIPConfig). */
const DEFAULT_AFFINITY_S = 10_800;

export type ApiService = Namespaced<V1Service>;

export function decodeService({ metadata, spec = {} }: ApiService): ServiceRecord {
  const headless = spec.clusterIP === 'None';
  // The list is absent before Kubernetes 1.20.
  const clusterIPs = spec.clusterIPs ?? (spec.clusterIP ? [spec.clusterIP] : []);
  const { timeoutSeconds } = spec.sessionAffinityConfig?.clientIP ?? {};
  return {
    kind: 'Service',
    namespace: metadata.namespace,
    name: metadata.name,
    // One that a later Kubernetes has invented has an address first of all, as all but one do now.
    type: TYPES.find((type) => type === spec.type) ?? 'ClusterIP',
    clusterIPs: headless ? [] : clusterIPs,
    headless,
    ...(spec.externalName ? { externalName: spec.externalName } : {}),
    ports: decodePorts(spec.ports ?? []),
    ...(spec.selector && Object.keys(spec.selector).length > 0 ? { selector: spec.selector } : {}),
    ...(spec.sessionAffinity === 'ClientIP'
      ? { sessionAffinity: { timeoutSeconds: timeoutSeconds ?? DEFAULT_AFFINITY_S } }
      : {}),
    publishNotReadyAddresses: spec.publishNotReadyAddresses ?? false,
  };
}

/** Those whose protocol is known. Thousands are read at a start, so no array and no copy is made for each. */
function decodePorts(given: Json<V1ServicePort>[]): ServicePort[] {
  const ports: ServicePort[] = [];
  for (const { name, port, targetPort = port, protocol: said } of given) {
    const protocol = PROTOCOLS.find((one) => one === (said ?? 'TCP'));
    if (protocol === undefined) continue;
    ports.push(name ? { name, port, protocol, targetPort } : { port, protocol, targetPort });
  }
  return ports;
}

/** The TCP port of a Service by its number. */
export function tcpPort(service: ServiceRecord, port: number): ServicePort | undefined {
  return service.ports.find((one) => one.port === port && one.protocol === 'TCP');
}

/** Under a headless Service's name a client meets the pods themselves, so every port of theirs is there. */
export function hasPort(service: ServiceRecord, port: number): boolean {
  const { kind, headless } = service;
  return kind !== 'Service' || headless || tcpPort(service, port) !== undefined;
}

/** Ports that a user is told, of a Service that may have hundreds. */
const PORTS_TOLD = 8;

/** For messages: which ports it has. */
export function portsText({ ports }: ServiceRecord): string {
  if (ports.length === 0) return 'it has none';
  const told = ports
    .slice(0, PORTS_TOLD)
    .map(({ port, protocol }) => (protocol === 'TCP' ? `${port}` : `${port}/${protocol}`));
  const more = ports.length - told.length;
  return `it has ${told.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
