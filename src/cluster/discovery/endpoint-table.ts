/**
 * Which pods stand behind each Service now, and on which port of theirs.
 *
 * Filled object by object, as lists and watches tell of them, so that a change
 * costs what it changes. A dual-stack Service has a slice per address family,
 * and while the controller moves endpoints between slices one may be in two of
 * them: pods are told apart by their identity, not by address, and a pod has
 * gone only when the last object that names it has.
 *
 * Which endpoints count is kube-proxy's rule: the ready ones, and where there
 * is none, those that are terminating but still serve (the last pods of a
 * rollout). Who names one pod, by its label or its address, means that pod in
 * whatever state it is.
 */
import { hostAndPort } from '../../host-and-port.ts';
import { type EndpointGroup, type EndpointPod, type EndpointSet, podKey, type Target } from './endpoints.ts';
import type { ServicePort } from './services.ts';

/** Which pods and which port of theirs a connection is for. */
export interface Wanted {
  /** The Service's port; undefined: `rawPort` is dialled in the pods as it is. */
  readonly servicePort: ServicePort | undefined;
  readonly rawPort: number;
  /** One pod alone is meant, by its label. */
  readonly label?: string;
  /** Pods that are not ready will do where there are no others. */
  readonly inAnyState?: boolean;
}

/** A pod behind a Service, by one of its addresses. */
export interface AddressOwner {
  readonly service: string;
  readonly label: string;
}

type PodList = 'readyPods' | 'leavingPods' | 'unreadyPods';
const POD_LISTS: readonly PodList[] = ['readyPods', 'leavingPods', 'unreadyPods'];

export class EndpointTable {
  /** By Service, and by the object that says it. */
  readonly #byService = new Map<string, Map<string, readonly EndpointGroup[]>>();
  /** How many objects name a pod, by `podKey`. */
  readonly #mentions = new Map<string, number>();
  readonly #byAddress = new Map<string, AddressOwner[]>();
  readonly #onPodLeft: (pod: EndpointPod) => void;

  /** @param onPodLeft told of a pod that no object names any more. */
  constructor(onPodLeft: (pod: EndpointPod) => void = () => {}) {
    this.#onPodLeft = onPodLeft;
  }

  /** An object's endpoints have become others, have appeared or gone. @param source tells the object from all others */
  update(source: string, before: EndpointSet | undefined, after: EndpointSet | undefined): void {
    // First what is new: a pod that stays is named all the while.
    if (after) this.#count(after, 1);
    if (before) {
      this.#byService.get(before.service)?.delete(source);
      if (this.#byService.get(before.service)?.size === 0) this.#byService.delete(before.service);
    }
    if (after) {
      let sources = this.#byService.get(after.service);
      if (!sources) this.#byService.set(after.service, (sources = new Map()));
      sources.set(source, after.groups);
    }
    if (before) this.#count(before, -1);
  }

  /** Where a connection may go. */
  targets(service: string, wanted: Wanted): Target[] {
    for (const list of POD_LISTS) {
      if (list === 'unreadyPods' && wanted.label === undefined && !wanted.inAnyState) break;
      const targets = this.#targets(service, list, wanted);
      if (targets.length > 0) return targets;
    }
    return [];
  }

  /** The ready pods, with their addresses of all families; a name leads to no others. */
  pods(service: string): EndpointPod[] {
    const byKey = new Map<string, EndpointPod>();
    for (const { readyPods } of this.#groups(service)) {
      for (const pod of readyPods) {
        const key = podKey(pod);
        const known = byKey.get(key);
        const addresses = known ? [...new Set([...known.addresses, ...pod.addresses])] : pod.addresses;
        byKey.set(key, known ? { ...pod, addresses } : pod);
      }
    }
    return [...byKey.values()];
  }

  /** Behind which Services a pod with this address stands. */
  owners(address: string): readonly AddressOwner[] {
    return this.#byAddress.get(address) ?? [];
  }

  /**
   * Where the Service has ready endpoints, but none that is a pod: where they are, `192.0.2.1:5432`.
   *
   * @param servicePort without, or where they have no such port, they are told by their addresses alone
   */
  withoutPods(service: string, servicePort?: ServicePort): string[] {
    const groups = this.#groups(service);
    if (groups.some(({ readyPods }) => readyPods.length > 0)) return [];
    return groups.flatMap(({ ports, addressesWithoutPod }) => {
      const port = servicePort && portOf(ports, servicePort);
      return addressesWithoutPod.map((address) =>
        port === undefined ? address : hostAndPort(address, port),
      );
    });
  }

  #groups(service: string): EndpointGroup[] {
    return [...(this.#byService.get(service)?.values() ?? [])].flat();
  }

  #targets(service: string, list: PodList, { servicePort, rawPort, label }: Wanted): Target[] {
    const byPod = new Map<string, Target>();
    for (const { ports, [list]: pods } of this.#groups(service)) {
      const port = servicePort === undefined || ports === undefined ? rawPort : portOf(ports, servicePort);
      if (port === undefined) continue;
      for (const pod of pods) {
        const key = podKey(pod);
        if ((label === undefined || pod.label === label) && !byPod.has(key)) byPod.set(key, { pod, port });
      }
    }
    return [...byPod.values()];
  }

  #count({ service, groups }: EndpointSet, change: 1 | -1): void {
    for (const group of groups) {
      for (const list of POD_LISTS) {
        for (const pod of group[list]) {
          this.#mention(pod, change);
          for (const address of pod.addresses) this.#own(address, { service, label: pod.label }, change);
        }
      }
    }
  }

  #mention(pod: EndpointPod, change: 1 | -1): void {
    const key = podKey(pod);
    const mentions = (this.#mentions.get(key) ?? 0) + change;
    if (mentions > 0) {
      this.#mentions.set(key, mentions);
    } else {
      this.#mentions.delete(key);
      this.#onPodLeft(pod);
    }
  }

  #own(address: string, owner: AddressOwner, change: 1 | -1): void {
    const owners = this.#byAddress.get(address) ?? [];
    if (change > 0) {
      owners.push(owner);
      this.#byAddress.set(address, owners);
      return;
    }
    const at = owners.findIndex(({ service, label }) => service === owner.service && label === owner.label);
    owners.splice(at, 1);
    if (owners.length === 0) this.#byAddress.delete(address);
  }
}

/** The number that a port of the Service has in a group. */
function portOf(ports: EndpointGroup['ports'], { name: wanted = '' }: ServicePort): number | undefined {
  return ports?.find(({ name, protocol }) => name === wanted && protocol === 'TCP')?.port;
}
