/**
 * Which pods stand behind a Service, and on which port of theirs.
 *
 * EndpointSlices and the older Endpoints say the same in two shapes: groups of
 * addresses with the ports that hold for the whole group. A port of a group
 * has the name of the Service's port and the number in the pod, so a named
 * targetPort is already resolved, also where it differs from pod to pod (the
 * controller then makes a group for each number).
 *
 * A dual-stack Service has a slice per address family, and while the controller
 * moves endpoints between slices one may be in two of them: pods are told apart
 * by their identity, not by address.
 *
 * Which endpoints count is kube-proxy's rule: the ready ones, and where there
 * is none, those that are terminating but still serve (the last pods of a
 * rollout). A terminating endpoint is never ready, and core Endpoints leave it
 * out.
 */
import { itemsOf } from './api-list.ts';
import type { ServicePort } from './services.ts';

export interface EndpointPod {
  readonly namespace: string;
  readonly name: string;
  /** A StatefulSet's pod comes back under its old name, and is another. */
  readonly uid?: string;
  /** Its IPs, one for each address family. */
  readonly addresses: readonly string[];
  /** The name under a headless Service, `db-0` of `db-0.db`: its host name, else its own. */
  readonly label: string;
}

/** What tells a pod from all others, also from its predecessor of the same name. */
export function podKey({ namespace, name, uid }: Pick<EndpointPod, 'namespace' | 'name' | 'uid'>): string {
  return `${namespace}/${name}/${uid ?? ''}`;
}

export interface EndpointGroup {
  readonly service: string;
  readonly ports: readonly { name: string; port: number; protocol: string }[];
  readonly readyPods: readonly EndpointPod[];
  /** Terminating, and still serving. */
  readonly leavingPods: readonly EndpointPod[];
  /** Ready addresses behind which no pod is known; port-forward cannot reach them. */
  readonly addressesWithoutPod: number;
}

interface TargetRef {
  kind?: string;
  namespace?: string;
  name?: string;
  uid?: string;
}

interface ApiPort {
  name?: string | null;
  port?: number | null;
  protocol?: string | null;
}

/** What is read of an EndpointSlice; the same in discovery.k8s.io/v1 and v1beta1. */
interface ApiEndpointSlice {
  metadata: { namespace: string; labels?: Record<string, string> };
  endpoints?: ApiEndpoint[] | null;
  ports?: ApiPort[] | null;
}

interface ApiEndpoint {
  addresses?: string[] | null;
  /** `serving` and `terminating` are absent before Kubernetes 1.22. */
  conditions?: { ready?: boolean | null; serving?: boolean | null; terminating?: boolean | null };
  hostname?: string | null | undefined;
  targetRef?: TargetRef | null | undefined;
}

type ApiAddress = Pick<ApiEndpoint, 'addresses' | 'hostname' | 'targetRef'>;

/** What is read of an Endpoints object (core/v1). */
interface ApiEndpoints {
  metadata: { namespace: string; name: string };
  subsets?:
    | {
        addresses?: (Pick<ApiEndpoint, 'hostname' | 'targetRef'> & { ip?: string })[] | null;
        ports?: ApiPort[] | null;
      }[]
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
    const leaving = (endpoints ?? []).filter(
      ({ conditions }) => conditions?.ready === false && conditions.terminating && conditions.serving,
    );
    groups.push(group(service, metadata.namespace, { ready, leaving, ports }));
  }
  return groups;
}

export function parseEndpointsList(body: unknown): EndpointGroup[] {
  return itemsOf<ApiEndpoints>(body).flatMap(({ metadata, subsets }) =>
    (subsets ?? []).map(({ addresses, ports }) => {
      const ready = (addresses ?? []).map(({ ip, hostname, targetRef }) => ({
        addresses: ip ? [ip] : [],
        hostname,
        targetRef,
      }));
      return group(metadata.name, metadata.namespace, { ready, leaving: [], ports });
    }),
  );
}

function group(
  service: string,
  namespace: string,
  from: { ready: ApiAddress[]; leaving: ApiAddress[]; ports: ApiPort[] | null | undefined },
): EndpointGroup {
  const readyPods = podsAmong(from.ready, namespace);
  return {
    service,
    ports: (from.ports ?? []).flatMap(({ name, port, protocol }) =>
      port == null ? [] : [{ name: name ?? '', port, protocol: protocol ?? 'TCP' }],
    ),
    readyPods,
    leavingPods: podsAmong(from.leaving, namespace),
    addressesWithoutPod: from.ready.length - readyPods.length,
  };
}

function podsAmong(addresses: ApiAddress[], ownNamespace: string): EndpointPod[] {
  return addresses.flatMap(({ addresses, hostname, targetRef }) => {
    if (targetRef?.kind !== 'Pod' || targetRef.name === undefined) return [];
    const { namespace = ownNamespace, name, uid } = targetRef;
    return [
      { namespace, name, ...(uid ? { uid } : {}), addresses: addresses ?? [], label: hostname || name },
    ];
  });
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
   * pod instead where the Service has no such port. Where a label is given,
   * that pod alone is meant (both: headless Services).
   */
  targets(service: string, servicePort: ServicePort | undefined, rawPort: number, label?: string): Target[] {
    const all = (which: 'readyPods' | 'leavingPods'): Target[] => {
      const targets = this.#targets(which, service, servicePort, rawPort);
      return label === undefined ? targets : targets.filter(({ pod }) => pod.label === label);
    };
    const ready = all('readyPods');
    return ready.length > 0 ? ready : all('leavingPods');
  }

  #targets(
    which: 'readyPods' | 'leavingPods',
    service: string,
    servicePort: ServicePort | undefined,
    rawPort: number,
  ): Target[] {
    const byPod = new Map<string, Target>();
    for (const { ports, [which]: pods } of this.#byService.get(service) ?? []) {
      const port =
        servicePort === undefined
          ? rawPort
          : ports.find(({ name, protocol }) => name === (servicePort.name ?? '') && protocol === 'TCP')?.port;
      if (port === undefined) continue;
      for (const pod of pods) {
        const key = podKey(pod);
        if (!byPod.has(key)) byPod.set(key, { pod, port });
      }
    }
    return [...byPod.values()];
  }

  /** The ready pods, with their addresses of all families; a name leads to no others. */
  pods(service: string): EndpointPod[] {
    const byKey = new Map<string, EndpointPod>();
    for (const { readyPods } of this.#byService.get(service) ?? []) {
      for (const pod of readyPods) {
        const key = podKey(pod);
        const addresses = new Set([...(byKey.get(key)?.addresses ?? []), ...pod.addresses]);
        byKey.set(key, { ...pod, addresses: [...addresses] });
      }
    }
    return [...byKey.values()];
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
