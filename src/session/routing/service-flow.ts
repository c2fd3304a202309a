/** Whether and how a connection to a Service goes, from wherever it comes. */

import { metered } from '../../egress/index.ts';
import type { Dial } from '../../relay/relay.ts';
import { RemoteStreamError } from '../../relay/stream.ts';
import type { Gate, Passage } from '../outside/gate.ts';
import type { ServiceDestination } from './destination.ts';

export type ServiceFlow =
  | { readonly kind: 'dial'; readonly dial: Dial }
  | { readonly kind: 'refused'; readonly error: RemoteStreamError }
  /** By policy, which has told of it. */
  | { readonly kind: 'prohibited' };

export type ServicePlace = Pick<ServiceDestination, 'context' | 'cluster' | 'service' | 'podLabel'>;

/** Policy decides first. @param address at which the Service was asked for. @param gate without, everything may pass */
export function serviceFlow(
  { context, cluster, service, podLabel }: ServicePlace,
  address: string,
  port: number,
  gate: Gate | undefined,
): ServiceFlow {
  const { namespace, name } = service;
  const passage: Pick<Passage, 'meter'> | undefined =
    gate === undefined ? {} : gate.admit('tcp', address, port, { context, namespace, name });
  if (passage === undefined) return { kind: 'prohibited' };
  const { meter } = passage;
  if (podLabel === undefined && !cluster.hasPort(service, port)) {
    const error = new RemoteStreamError('refused', 'the Service has no such port');
    meter?.ended(error);
    return { kind: 'refused', error };
  }
  const dial: Dial =
    podLabel === undefined
      ? (events) => cluster.dialService(service, port, events)
      : (events) => cluster.dialPod(service, podLabel, port, events);
  return { kind: 'dial', dial: meter === undefined ? dial : metered(dial, meter) };
}
