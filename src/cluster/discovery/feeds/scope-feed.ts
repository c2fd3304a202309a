/** The Services of one part of the cluster, and the endpoints behind them. */
import type { ServiceId } from '../services.ts';
import { EndpointFeed } from './endpoint-feed.ts';
import type { Feed, FeedContext } from './feed.ts';
import type { Scope } from './scope.ts';
import { ServiceFeed } from './service-feed.ts';

export class ScopeFeed implements Feed {
  readonly #services: ServiceFeed;
  readonly #endpoints: EndpointFeed;

  constructor(context: FeedContext, scope: Scope) {
    this.#services = new ServiceFeed(context, scope);
    this.#endpoints = new EndpointFeed(context, scope);
  }

  /** How many Services there are in it. */
  get size(): number {
    return this.#services.size;
  }

  async start(): Promise<void> {
    const [services, endpoints] = await Promise.allSettled([this.#services.start(), this.#endpoints.start()]);
    // Of two failures, that of the Services knows whether the namespace exists.
    for (const part of [services, endpoints]) if (part.status === 'rejected') throw part.reason;
  }

  async refresh(service: ServiceId, olderThanMs: number): Promise<void> {
    if (this.#endpoints.covers(service)) await this.#endpoints.refresh(olderThanMs);
  }

  close(): void {
    this.#services.close();
    this.#endpoints.close();
  }
}
