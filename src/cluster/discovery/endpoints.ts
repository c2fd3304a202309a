/**
 * What the API says of the pods behind a Service, as plain data.
 *
 * EndpointSlices and the older Endpoints say the same in two shapes: groups of
 * addresses with the ports that hold for the whole group. A port of a group
 * has the name of the Service's port and the number in the pod, so a named
 * targetPort is already resolved, also where it differs from pod to pod (the
 * controller then makes a group for each number).
 *
 * A terminating endpoint is never ready, and core Endpoints leave it out.
 */
import type {
  CoreV1EndpointPort,
  DiscoveryV1EndpointPort,
  V1Endpoints,
  V1EndpointSlice,
  V1ObjectReference,
} from '@kubernetes/client-node';
import type { Json, Namespaced } from '../api/objects.ts';
import { keyOf, type ServiceId } from './services.ts';

export interface EndpointPod extends ServiceId {
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

/** A pod and the port to dial in it. */
export interface Target {
  readonly pod: EndpointPod;
  readonly port: number;
}

export interface EndpointGroup {
  /** Of the Service, by name; undefined: any port of the pods is meant. */
  readonly ports: readonly { name: string; port: number; protocol: string }[] | undefined;
  readonly readyPods: readonly EndpointPod[];
  /** Terminating, and still serving. */
  readonly leavingPods: readonly EndpointPod[];
  /** Neither: only who knows their address reaches them. */
  readonly unreadyPods: readonly EndpointPod[];
  /** Ready addresses behind which no pod is known; port-forward cannot reach them. */
  readonly addressesWithoutPod: readonly string[];
}

/** One object's part of the endpoints of a Service. */
export interface EndpointSet {
  /** By `keyOf`. */
  readonly service: string;
  readonly groups: readonly EndpointGroup[];
}

/** What is read of a slice is the same in discovery.k8s.io/v1 and v1beta1. */
export type ApiEndpointSlice = Namespaced<Pick<V1EndpointSlice, 'endpoints' | 'ports'>>;
export type ApiEndpoints = Namespaced<V1Endpoints>;
type ApiPort = Json<CoreV1EndpointPort | DiscoveryV1EndpointPort>;

/** By which a slice says whose it is. */
export const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';

/** @returns undefined for a slice that was made by hand, for no Service. */
export function decodeEndpointSlice(slice: ApiEndpointSlice): EndpointSet | undefined {
  const { namespace, labels } = slice.metadata;
  const name = labels?.[SERVICE_NAME_LABEL];
  if (name === undefined) return undefined;
  const found = new Found(namespace);
  for (const { conditions, addresses, hostname, targetRef } of slice.endpoints ?? []) {
    // "A nil value should be interpreted as true" (discovery.k8s.io, EndpointConditions.ready).
    const ready = conditions?.ready ?? true;
    // Both are absent before Kubernetes 1.22.
    const leaving = Boolean(conditions?.terminating && conditions.serving);
    found.add(ready ? 'ready' : leaving ? 'leaving' : 'unready', addresses ?? [], hostname, targetRef);
  }
  return { service: keyOf({ namespace, name }), groups: [found.group(slice.ports)] };
}

export function decodeEndpoints({ metadata, subsets }: ApiEndpoints): EndpointSet {
  const groups = (subsets ?? []).map(({ addresses, notReadyAddresses, ports }) => {
    const found = new Found(metadata.namespace);
    for (const { ip, hostname, targetRef } of addresses ?? []) {
      found.add('ready', [ip], hostname, targetRef);
    }
    for (const { ip, hostname, targetRef } of notReadyAddresses ?? []) {
      found.add('unready', [ip], hostname, targetRef);
    }
    return found.group(ports);
  });
  return { service: keyOf(metadata), groups };
}

export type PodState = 'ready' | 'leaving' | 'unready';

/** Sorts addresses by what state they are in. */
class Found {
  readonly #namespace: string;
  readonly #pods: Record<PodState, EndpointPod[]> = { ready: [], leaving: [], unready: [] };
  readonly #addressesWithoutPod: string[] = [];

  constructor(namespace: string) {
    this.#namespace = namespace;
  }

  add(
    state: PodState,
    addresses: readonly string[],
    hostname: string | undefined,
    targetRef: Json<V1ObjectReference> | undefined,
  ): void {
    if (targetRef?.kind !== 'Pod' || targetRef.name === undefined) {
      if (state === 'ready') this.#addressesWithoutPod.push(...addresses);
      return;
    }
    const { namespace = this.#namespace, name, uid } = targetRef;
    const label = hostname || name;
    this.#pods[state].push(
      uid ? { namespace, name, uid, addresses, label } : { namespace, name, addresses, label },
    );
  }

  group(ports: readonly ApiPort[] | null | undefined): EndpointGroup {
    return {
      ports: (ports ?? []).flatMap(({ name, port, protocol }) =>
        port === undefined ? [] : [{ name: name ?? '', port, protocol: protocol ?? 'TCP' }],
      ),
      readyPods: this.#pods.ready,
      leavingPods: this.#pods.leaving,
      unreadyPods: this.#pods.unready,
      addressesWithoutPod: this.#addressesWithoutPod,
    };
  }
}
