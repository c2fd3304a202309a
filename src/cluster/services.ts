/** Services as plain data: what the rest of the program needs of them, and nothing else. */

import { itemsOf } from './api-list.ts';

export type Protocol = 'TCP' | 'UDP' | 'SCTP';

export interface ServicePort {
  /** Absent where the Service has one port without a name. */
  readonly name?: string;
  readonly port: number;
  readonly protocol: Protocol;
  readonly targetPort: number | string;
}

export interface ServiceRecord {
  readonly namespace: string;
  readonly name: string;
  readonly type: 'ClusterIP' | 'NodePort' | 'LoadBalancer' | 'ExternalName';
  /** Absent for headless and ExternalName Services. */
  readonly clusterIP?: string;
  /** DNS leads to the pods themselves (`clusterIP: None`). */
  readonly headless: boolean;
  readonly externalName?: string;
  readonly ports: readonly ServicePort[];
  /** Without a selector, endpoints are made by hand and need not be pods. */
  readonly selectorless: boolean;
}

interface ApiServicePort {
  name?: string;
  port: number;
  protocol?: Protocol;
  targetPort?: number | string;
}

/** What is read of a Service of the API (core/v1); all else is ignored. */
interface ApiService {
  metadata: { namespace: string; name: string };
  spec?: {
    type?: ServiceRecord['type'];
    clusterIP?: string;
    externalName?: string;
    selector?: Record<string, string> | null;
    ports?: ApiServicePort[] | null;
  };
}

export function parseServiceList(body: unknown): ServiceRecord[] {
  return itemsOf<ApiService>(body).map(parseService);
}

function parseService({ metadata, spec = {} }: ApiService): ServiceRecord {
  const headless = spec.clusterIP === 'None';
  const clusterIP = headless || spec.clusterIP === '' ? undefined : spec.clusterIP;
  return {
    namespace: metadata.namespace,
    name: metadata.name,
    type: spec.type ?? 'ClusterIP',
    ...(clusterIP === undefined ? {} : { clusterIP }),
    headless,
    ...(spec.externalName ? { externalName: spec.externalName } : {}),
    ports: (spec.ports ?? []).map(parsePort),
    selectorless: Object.keys(spec.selector ?? {}).length === 0,
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
