/**
 * Which pods stand behind a Service, and on which port of theirs.
 *
 * EndpointSlices and the older Endpoints say the same in two shapes: groups of
 * addresses with the ports that hold for the whole group. A port of a group
 * has the name of the Service's port and the number in the pod, so a named
 * targetPort is already resolved, also where it differs from pod to pod (the
 * controller then makes a group for each number).
 *
 * A dual-stack Service has a slice per address family: pods are told apart by
 * name, not by address.
 */
import { itemsOf } from './api-list.ts';
import type { ServicePort } from './services.ts';

export interface EndpointPod {
  readonly namespace: string;
  readonly name: string;
  /** The name under a headless Service: `db-0` of `db-0.db`. */
  readonly hostname?: string;
}

export interface EndpointGroup {
  readonly service: string;
  readonly ports: readonly { name: string; port: number; protocol: string }[];
  readonly readyPods: readonly EndpointPod[];
  /** Ready addresses behind which no pod is known; port-forward cannot reach them. */
  readonly addressesWithoutPod: number;
}

interface TargetRef {
  kind?: string;
  namespace?: string;
  name?: string;
}

interface ApiPort {
  name?: string | null;
  port?: number | null;
  protocol?: string | null;
}

/** What is read of an EndpointSlice; the same in discovery.k8s.io/v1 and v1beta1. */
interface ApiEndpointSlice {
  metadata: { namespace: string; labels?: Record<string, string> };
  endpoints?:
    | { conditions?: { ready?: boolean | null }; hostname?: string | null; targetRef?: TargetRef | null }[]
    | null;
  ports?: ApiPort[] | null;
}

/** What is read of an Endpoints object (core/v1). */
interface ApiEndpoints {
  metadata: { namespace: string; name: string };
  subsets?:
    | { addresses?: { hostname?: string; targetRef?: TargetRef }[] | null; ports?: ApiPort[] | null }[]
    | null;
}

const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';

export function parseEndpointSliceList(body: unknown): EndpointGroup[] {
  const groups: EndpointGroup[] = [];
  for (const { metadata, endpoints, ports } of itemsOf<ApiEndpointSlice>(body)) {
    const service = metadata.labels?.[SERVICE_NAME_LABEL];
    if (service === undefined) continue; // made by hand, for no Service
    // "A nil value should be interpreted as true" (discovery.k8s.io, EndpointConditions.ready).
    const ready = (endpoints ?? []).filter(({ conditions }) => conditions?.ready ?? true);
    groups.push(group(service, metadata.namespace, ready, ports));
  }
  return groups;
}

export function parseEndpointsList(body: unknown): EndpointGroup[] {
  return itemsOf<ApiEndpoints>(body).flatMap(({ metadata, subsets }) =>
    (subsets ?? []).map(({ addresses, ports }) =>
      group(metadata.name, metadata.namespace, addresses ?? [], ports),
    ),
  );
}

function group(
  service: string,
  namespace: string,
  ready: { hostname?: string | null; targetRef?: TargetRef | null }[],
  ports: ApiPort[] | null | undefined,
): EndpointGroup {
  const readyPods: EndpointPod[] = [];
  for (const { hostname, targetRef } of ready) {
    if (targetRef?.kind !== 'Pod' || targetRef.name === undefined) continue;
    readyPods.push({
      namespace: targetRef.namespace ?? namespace,
      name: targetRef.name,
      ...(hostname ? { hostname } : {}),
    });
  }
  return {
    service,
    ports: (ports ?? []).flatMap(({ name, port, protocol }) =>
      port == null ? [] : [{ name: name ?? '', port, protocol: protocol ?? 'TCP' }],
    ),
    readyPods,
    addressesWithoutPod: ready.length - readyPods.length,
  };
}

/** A pod and the port to dial in it. */
export interface Target {
  readonly pod: EndpointPod;
  readonly port: number;
}

/** The endpoints of one namespace at one time. */
export class EndpointTable {
  readonly #byService = new Map<string, EndpointGroup[]>();

  constructor(groups: EndpointGroup[] = []) {
    for (const one of groups) {
      const known = this.#byService.get(one.service);
      if (known) known.push(one);
      else this.#byService.set(one.service, [one]);
    }
  }

  /**
   * Where a connection to `servicePort` may go; `rawPort` is dialled in every
   * ready pod instead where the Service has no such port (headless Services).
   */
  targets(service: string, servicePort: ServicePort | undefined, rawPort: number): Target[] {
    const byPod = new Map<string, Target>();
    for (const { ports, readyPods } of this.#byService.get(service) ?? []) {
      const port =
        servicePort === undefined
          ? rawPort
          : ports.find(({ name, protocol }) => name === (servicePort.name ?? '') && protocol === 'TCP')?.port;
      if (port === undefined) continue;
      for (const pod of readyPods) {
        if (!byPod.has(pod.name)) byPod.set(pod.name, { pod, port });
      }
    }
    return [...byPod.values()];
  }

  pods(service: string): EndpointPod[] {
    const byName = new Map<string, EndpointPod>();
    for (const { readyPods } of this.#byService.get(service) ?? []) {
      for (const pod of readyPods) byName.set(pod.name, pod);
    }
    return [...byName.values()];
  }

  /** Whether the Service has ready endpoints, but none that is a pod. */
  onlyWithoutPods(service: string): boolean {
    const groups = this.#byService.get(service) ?? [];
    return (
      groups.some(({ addressesWithoutPod }) => addressesWithoutPod > 0) &&
      groups.every(({ readyPods }) => readyPods.length === 0)
    );
  }
}
