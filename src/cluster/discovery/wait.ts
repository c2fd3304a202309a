/** Waits until a Service has a ready pod, by what the feeds tell. */
import { ClusterError } from '../errors.ts';
import type { Catalog } from './catalog.ts';
import { insteadOf, NO_PODS } from './elsewhere.ts';
import { keyOf, type ServiceRecord } from './services.ts';

/** What is waited for; without a namespace, the first one that has it. */
export interface WaitTarget {
  readonly namespace?: string;
  readonly name: string;
}

export interface WaitOptions {
  readonly timeoutMs: number;
  readonly contextName: string;
  readonly signal?: AbortSignal | undefined;
}

/** @throws ClusterError `WAIT_TIMEOUT`; the signal's reason where it is aborted */
export async function waitReady(catalog: Catalog, target: WaitTarget, options: WaitOptions): Promise<void> {
  const { timeoutMs, contextName, signal } = options;
  signal?.throwIfAborted();
  if (isReady(catalog, target)) return;
  await new Promise<void>((resolve, reject) => {
    const settle = (outcome: () => void): void => {
      clearTimeout(timer);
      stopListening();
      signal?.removeEventListener('abort', onAbort);
      outcome();
    };
    const onAbort = (): void => settle(() => reject(reasonOfAbort(signal)));
    const timer = setTimeout(
      () => settle(() => reject(timedOut(catalog, target, timeoutMs, contextName))),
      timeoutMs,
    );
    const stopListening = catalog.onChange(() => {
      if (isReady(catalog, target)) settle(resolve);
    });
    signal?.addEventListener('abort', onAbort);
  });
}

function findTarget(catalog: Catalog, { namespace, name }: WaitTarget): ServiceRecord | undefined {
  if (namespace !== undefined) return catalog.find({ namespace, name });
  return catalog.services.find((service) => service.name === name);
}

function isReady(catalog: Catalog, target: WaitTarget): boolean {
  const service = findTarget(catalog, target);
  if (!service) return false;
  // A name for something outside: nothing is known of that, and nothing is to come.
  return service.type === 'ExternalName' || catalog.endpoints.pods(keyOf(service)).length > 0;
}

function timedOut(
  catalog: Catalog,
  target: WaitTarget,
  timeoutMs: number,
  contextName: string,
): ClusterError {
  const service = findTarget(catalog, target);
  const { namespace = service?.namespace, name } = target;
  const within = `within ${timeoutMs / 1000} s`;
  const where = namespace === undefined ? '-A' : `-n ${namespace}`;
  if (!service) {
    return new ClusterError(
      'WAIT_TIMEOUT',
      `${name} has not appeared ${within}`,
      `see which there are: kubectl --context ${contextName} ${where} get services`,
    );
  }
  const elsewhere = catalog.endpoints.withoutPods(keyOf(service));
  if (elsewhere.length > 0) {
    return new ClusterError(
      'WAIT_TIMEOUT',
      `${service.kind} ${keyOf(service)} has had no ready pod ${within}: ${NO_PODS}`,
      `leave out --wait for it, and ${insteadOf(elsewhere)}`,
    );
  }
  return new ClusterError(
    'WAIT_TIMEOUT',
    `${service.kind} ${keyOf(service)} has had no ready pod ${within}`,
    `see why: kubectl --context ${contextName} ${where} ${service.kind === 'Service' ? `describe service ${name}` : 'get pods'}`,
  );
}

function reasonOfAbort(signal: AbortSignal | undefined): Error {
  const reason: unknown = signal?.reason;
  return reason instanceof Error ? reason : new Error('given up');
}
