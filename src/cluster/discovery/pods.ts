/**
 * Pods as plain data: for picks, and in place of endpoints where the account may see pods alone.
 *
 * A pod is ready by its condition, as the endpoint controllers have it; one
 * that is being deleted and still is ready serves the last connections of a
 * rollout; one that has run to its end is none.
 */
import type { V1Pod } from '@kubernetes/client-node';
import type { Namespaced } from '../api/objects.ts';
import type { EndpointGroup, EndpointPod, EndpointSet, PodState } from './endpoints.ts';
import { keyOf, type ServicePort, type ServiceRecord } from './services.ts';

export interface PodRecord {
  readonly pod: EndpointPod;
  readonly state: PodState;
  readonly labels: Readonly<Record<string, string>>;
  /** Of containers, those that have a name. */
  readonly namedPorts: readonly { readonly name: string; readonly port: number; readonly protocol: string }[];
  /** Its host name, and the headless Service under whose name that is known. */
  readonly known: { readonly hostname: string; readonly subdomain: string } | undefined;
}

export type ApiPod = Namespaced<V1Pod>;

/** @returns undefined for a pod without an address, or one that has run to its end. */
export function decodePod({ metadata, spec, status = {} }: ApiPod): PodRecord | undefined {
  const { namespace, name, uid, labels, deletionTimestamp } = metadata;
  const known = status.podIPs ?? (status.podIP ? [{ ip: status.podIP }] : []);
  const addresses = known.flatMap(({ ip }) => (ip ? [ip] : []));
  if (addresses.length === 0 || status.phase === 'Succeeded' || status.phase === 'Failed') return undefined;
  const ready = status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
  const containers = [
    ...(spec?.containers ?? []),
    // A sidecar runs as long as the pod does.
    ...(spec?.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always'),
  ];
  return {
    pod: { namespace, name, ...(uid ? { uid } : {}), addresses, label: name },
    state: ready ? (deletionTimestamp ? 'leaving' : 'ready') : 'unready',
    labels: labels ?? {},
    namedPorts: containers.flatMap(({ ports }) =>
      (ports ?? []).flatMap(({ name, containerPort, protocol = 'TCP' }) =>
        name ? [{ name, port: containerPort, protocol }] : [],
      ),
    ),
    known:
      spec?.hostname && spec.subdomain ? { hostname: spec.hostname, subdomain: spec.subdomain } : undefined,
  };
}

/** The endpoints of what was picked by the user: any port of its pods. */
export function endpointsOfPick(service: string, record: PodRecord): EndpointSet {
  return { service, groups: [groupOf(record.pod, record.state, undefined)] };
}

/** What the endpoint controllers would make of a pod that a Service selects. */
export function endpointsBySelector(service: ServiceRecord, record: PodRecord): EndpointSet {
  const { pod, state, known } = record;
  const label = known?.subdomain === service.name ? known.hostname : pod.label;
  // Then the controllers look neither at readiness nor at whether the pod is to end.
  const shown = service.publishNotReadyAddresses ? 'ready' : state;
  const ports = service.ports.flatMap((port) => {
    const number = targetPortIn(record, port);
    return number === undefined ? [] : [{ name: port.name ?? '', port: number, protocol: port.protocol }];
  });
  return { service: keyOf(service), groups: [groupOf({ ...pod, label }, shown, ports)] };
}

export function isSelected({ labels }: PodRecord, { selector }: ServiceRecord): boolean {
  if (selector === undefined) return false;
  return Object.entries(selector).every(([key, value]) => labels[key] === value);
}

function targetPortIn({ namedPorts }: PodRecord, { targetPort, protocol }: ServicePort): number | undefined {
  if (typeof targetPort === 'number') return targetPort;
  return namedPorts.find((one) => one.name === targetPort && one.protocol === protocol)?.port;
}

function groupOf(pod: EndpointPod, state: PodState, ports: EndpointGroup['ports']): EndpointGroup {
  return {
    ports,
    readyPods: state === 'ready' ? [pod] : [],
    leavingPods: state === 'leaving' ? [pod] : [],
    unreadyPods: state === 'unready' ? [pod] : [],
    addressesWithoutPod: [],
  };
}
