/** Where an address of the sandbox may lead. */

import type { Cluster, ServiceRecord } from '../../cluster/index.ts';
import type { RemoteStream, RemoteStreamEvents } from '../../relay/stream.ts';

/** What is asked of a cluster to reach its Services. */
export type Dialer = Pick<Cluster, 'hasPort' | 'obstacle' | 'dialService' | 'dialPod'>;

export interface ServiceDestination {
  readonly kind: 'service';
  /** By its name in the kubeconfig. */
  readonly context: string;
  readonly cluster: Dialer;
  readonly service: ServiceRecord;
  /** Where one pod of the Service is meant. */
  readonly podLabel?: string;
  /** The whole name: what DNS says to the address. */
  readonly canonical: string;
}

/** Something besides Services that connections may go to, such as the API server. */
export interface Endpoint {
  /** For the log, and what DNS says to the address. */
  readonly name: string;
  /** What the user does who does not want it there. */
  readonly leftOutBy?: string;
  hasPort(port: number): boolean;
  dial(port: number, events: RemoteStreamEvents): RemoteStream;
}

export type Destination =
  | ServiceDestination
  /** DNS is there. */
  | { readonly kind: 'gateway' }
  | { readonly kind: 'endpoint'; readonly endpoint: Endpoint }
  /** A Service or a pod had the address, and nobody else will. */
  | { readonly kind: 'gone'; readonly label: string }
  /** Of our ranges, and nobody's. */
  | { readonly kind: 'unassigned' }
  | { readonly kind: 'outside' };

/** What a Service, or a pod of it, is called in the log. */
export function labelOf({ service, podLabel }: Pick<ServiceDestination, 'service' | 'podLabel'>): string {
  const host = podLabel === undefined ? service.name : `${podLabel}.${service.name}`;
  return `${host}.${service.namespace}`;
}
