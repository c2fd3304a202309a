/**
 * What there is in the cluster, of what was asked for, kept up to date.
 *
 *     feeds/   which resources are followed for a selection, and what is done where a right is missing
 *     watch/   how one resource is followed: list, watch, poll
 *     catalog  what is known now
 */
import type { ApiClient } from '../api/client.ts';
import type { ClusterLog } from '../log.ts';
import { Catalog } from './catalog.ts';
import type { EndpointPod } from './endpoints.ts';
import { explained, isForbidden } from './feeds/explain.ts';
import type { Feed, FeedContext } from './feeds/feed.ts';
import { NamespacesFeed } from './feeds/namespaces-feed.ts';
import { feedOf } from './feeds/pick-feeds.ts';
import { ScopeFeed } from './feeds/scope-feed.ts';
import { DISCOVERY_LIMITS, type DiscoveryLimits } from './limits.ts';
import { distinctPicks } from './picks.ts';
import type { ServiceId, ServiceRecord } from './services.ts';
import { Backlog } from './watch/backlog.ts';
import { Health } from './watch/health.ts';
import { Wakefulness } from './watch/wakefulness.ts';

/** Which Services a session is to have. */
export interface Selection {
  /** In the order in which they have bare names; with `allNamespaces`, those that come first. */
  readonly namespaces: readonly string[];
  readonly allNamespaces?: boolean;
  /** A label selector, as kubectl's -l; the server checks it. */
  readonly selector?: string;
  /** These alone; one without a namespace is of the first. */
  readonly picks?: readonly {
    readonly namespace?: string;
    readonly kind: ServiceRecord['kind'];
    readonly name: string;
  }[];
}

export interface DiscoveryOptions {
  readonly api: ApiClient;
  readonly log: ClusterLog;
  readonly limits?: Partial<DiscoveryLimits>;
  readonly onPodLeft: (pod: EndpointPod) => void;
}

export class Discovery {
  readonly catalog: Catalog;
  readonly #context: FeedContext;
  readonly #selection: Selection;
  #feeds: Feed[] = [];
  #begin: () => void = () => {};

  constructor(selection: Selection, { api, log, onPodLeft, ...options }: DiscoveryOptions) {
    const limits = { ...DISCOVERY_LIMITS, ...options.limits };
    const namespaces = [...new Set(selection.namespaces)];
    this.catalog = new Catalog({ namespaces, coalesceMs: limits.coalesceMs, onPodLeft });
    this.#selection = { ...selection, namespaces };
    this.#context = {
      api,
      log,
      limits,
      contextName: api.access.contextName,
      catalog: this.catalog,
      health: new Health(limits.reportMs, log),
      wakefulness: new Wakefulness(limits),
      random: Math.random,
      backlog: new Backlog((error, query) => explained(error, query, this.#context)),
      begun: new Promise((resolve) => {
        this.#begin = resolve;
      }),
    };
  }

  /** How many Services there are, read or not. */
  get serviceCount(): number {
    return this.catalog.services.length + this.#context.backlog.count('services');
  }

  /** Resolves when all is listed; of long lists, not all is read. @throws ClusterError */
  async start(): Promise<void> {
    this.#feeds = this.#chosenFeeds();
    try {
      await Promise.all(this.#feeds.map((feed) => feed.start()));
    } catch (error) {
      // Of one namespace it would be an error that explains itself.
      if (!isForbidden(error)) throw error;
      await this.#startOneByOne();
    }
  }

  /** Reads what `start` has left unread. @throws ClusterError where that is no list */
  read(): Promise<void> {
    return this.#context.backlog.read();
  }

  /** From now on what is known follows the cluster; a watch goes on from where its list ended. */
  follow(): void {
    this.#begin();
  }

  /** Brings the endpoints of a Service up to date where no watch does. */
  async refresh(service: ServiceId, olderThanMs: number): Promise<void> {
    await Promise.all(this.#feeds.map((feed) => feed.refresh(service, olderThanMs)));
  }

  close(): void {
    this.#context.backlog.close();
    this.catalog.close();
    // First: of what fails and is closed, nothing is up to date again.
    this.#context.health.close();
    for (const feed of this.#feeds) feed.close();
  }

  #chosenFeeds(): Feed[] {
    const { namespaces, allNamespaces, picks = [] } = this.#selection;
    if (picks.length > 0) {
      const chosen = picks.map(({ namespace = namespaces[0], kind, name }) => ({ namespace, kind, name }));
      return distinctPicks(chosen).map((pick) => feedOf(pick, this.#context));
    }
    if (allNamespaces) return [new ScopeFeed(this.#context, this.#labels())];
    return namespaces.map((namespace) => new ScopeFeed(this.#context, { ...this.#labels(), namespace }));
  }

  /** All namespaces were asked for, and may not be listed at once. */
  async #startOneByOne(): Promise<void> {
    for (const feed of this.#feeds) feed.close();
    const feed = new NamespacesFeed(this.#context, this.#labels());
    this.#feeds = [feed];
    await feed.start();
    this.#context.log.info(
      'this account may not list Services everywhere at once: they are listed namespace by namespace',
    );
  }

  #labels(): { labelSelector?: string } {
    const { selector } = this.#selection;
    return selector === undefined ? {} : { labelSelector: selector };
  }
}
