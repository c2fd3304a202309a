/** Services as plain data: what the rest of the program needs of them, and nothing else. */

/** What names a Service, also after it is gone. */
export interface ServiceId {
  readonly namespace: string;
  readonly name: string;
}

/** As a key of tables. */
export function keyOf({ namespace, name }: ServiceId): string {
  return `${namespace}/${name}`;
}

export type Protocol = 'TCP' | 'UDP' | 'SCTP';

export interface ServicePort {
  /** Absent where the Service has one port without a name. */
  readonly name?: string;
  readonly port: number;
  readonly protocol: Protocol;
  readonly targetPort: number | string;
}

export interface ServiceRecord extends ServiceId {
  /** A Pod or a Deployment was picked by the user; any TCP port of its pods is there. */
  readonly kind: 'Service' | 'Pod' | 'Deployment';
  readonly type: 'ClusterIP' | 'NodePort' | 'LoadBalancer' | 'ExternalName';
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

interface ApiServicePort {
  name?: string;
  port: number;
  protocol?: Protocol;
  targetPort?: number | string;
}

/** What is read of a Service of the API (core/v1); all else is ignored. */
export interface ApiService {
  metadata: { namespace: string; name: string };
  spec?: {
    type?: ServiceRecord['type'];
    clusterIP?: string;
    /** Absent before Kubernetes 1.20. */
    clusterIPs?: string[] | null;
    sessionAffinity?: string;
    sessionAffinityConfig?: { clientIP?: { timeoutSeconds?: number | null } | null } | null;
    publishNotReadyAddresses?: boolean;
    externalName?: string;
    selector?: Record<string, string> | null;
    ports?: ApiServicePort[] | null;
  };
}

export function decodeService({ metadata, spec = {} }: ApiService): ServiceRecord {
  const headless = spec.clusterIP === 'None';
  const clusterIPs = spec.clusterIPs ?? (spec.clusterIP ? [spec.clusterIP] : []);
  const { timeoutSeconds } = spec.sessionAffinityConfig?.clientIP ?? {};
  return {
    kind: 'Service',
    namespace: metadata.namespace,
    name: metadata.name,
    type: spec.type ?? 'ClusterIP',
    clusterIPs: headless ? [] : clusterIPs,
    headless,
    ...(spec.externalName ? { externalName: spec.externalName } : {}),
    ports: (spec.ports ?? []).map(parsePort),
    ...(spec.selector && Object.keys(spec.selector).length > 0 ? { selector: spec.selector } : {}),
    ...(spec.sessionAffinity === 'ClientIP'
      ? { sessionAffinity: { timeoutSeconds: timeoutSeconds ?? DEFAULT_AFFINITY_S } }
      : {}),
    publishNotReadyAddresses: spec.publishNotReadyAddresses ?? false,
  };
}

function parsePort({ name, port, protocol = 'TCP', targetPort = port }: ApiServicePort): ServicePort {
  const parsed = { port, protocol, targetPort };
  return name ? { name, ...parsed } : parsed;
}

/** The TCP port of a Service by its number. */
export function tcpPort(service: ServiceRecord, port: number): ServicePort | undefined {
  return service.ports.find((one) => one.port === port && one.protocol === 'TCP');
}
