/**
 * Why Services can't be reached, for the user: the program sees a refused
 * connection and nothing else.
 *
 * A Service without a ready pod, with endpoints that are no pods, or without the
 * port is told once, with each reason, and once more where that was otherwise in
 * between. What comes on top of that, or fails in another way, is for `-v`.
 */

import { keyOf, type ServiceId } from '../../cluster/index.ts';
import type { Log } from '../../observe/log.ts';
import type { RemoteStreamError } from '../../relay/stream.ts';
import type { ServiceDestination } from './destination.ts';

/** Lines in all: a Service may come and go for as long as a sandbox stands. */
const MAX_LINES = 1024;

interface Told {
  readonly why: string;
  readonly destination: ServiceDestination;
  readonly port: number;
}

export class Obstacles {
  readonly #log: Log;
  /** By context and Service. */
  readonly #told = new Map<string, readonly Told[]>();
  #lines = 0;

  constructor(log: Log) {
    this.#log = log;
  }

  /** A connection has failed. @param label what it was for */
  tell(destination: ServiceDestination, port: number, label: string, error: RemoteStreamError): void {
    const why = error.reason === 'reset' ? undefined : obstacleOf(destination, port);
    if (why === undefined) this.#log.info(`${label}: ${error.message}`);
    else if (this.#isNew({ why, destination, port })) this.#log.warn(`${label}: ${error.reason}, ${why}`);
    else this.#log.info(`${label}: ${error.reason}, ${why}`);
  }

  /** What is known of these Services, or of their pods, has changed. */
  changed(context: string, services: readonly ServiceId[]): void {
    if (this.#told.size === 0) return;
    for (const service of services) {
      const key = keyIn(context, service);
      const left = this.#told
        .get(key)
        ?.filter(({ why, destination, port }) => why === obstacleOf(destination, port));
      if (left === undefined || left.length === 0) this.#told.delete(key);
      else this.#told.set(key, left);
    }
  }

  #isNew(told: Told): boolean {
    const { context, service, podLabel } = told.destination;
    const key = keyIn(context, service);
    const before = this.#told.get(key) ?? [];
    if (before.some(({ why, destination }) => why === told.why && destination.podLabel === podLabel))
      return false;
    if (this.#lines >= MAX_LINES) return false;
    this.#lines += 1;
    this.#told.set(key, [...before, told]);
    return true;
  }
}

function obstacleOf({ cluster, service, podLabel }: ServiceDestination, port: number): string | undefined {
  return cluster.obstacle(service, port, podLabel);
}

function keyIn(context: string, service: ServiceId): string {
  return `${context}/${keyOf(service)}`;
}
