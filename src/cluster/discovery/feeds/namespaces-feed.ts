/**
 * All namespaces, one by one: for accounts that may not list Services everywhere at once.
 *
 * Each namespace that there is has a feed of its own, also one that appears
 * later. Those whose Services this account may not list are left out. Past a
 * bound they are listed at intervals instead of watched, since each watch is a
 * connection.
 */
import type { ApiObject } from '../../api/objects.ts';
import { reasonOf } from '../../errors.ts';
import type { ServiceId } from '../services.ts';
import { Collection } from '../watch/collection.ts';
import { CORE_ROOT } from '../watch/query.ts';
import { Reflector } from '../watch/reflector.ts';
import { explained } from './explain.ts';
import type { Feed, FeedContext } from './feed.ts';
import type { Scope } from './scope.ts';
import { ScopeFeed } from './scope-feed.ts';

/** A log line names no more than these. */
const NAMED = 5;

export class NamespacesFeed implements Feed {
  readonly #context: FeedContext;
  readonly #scope: Scope;
  readonly #reflector: Reflector;
  readonly #feeds = new Map<string, ScopeFeed>();
  #started = false;

  /** @param scope what is followed in each of them */
  constructor(context: FeedContext, scope: Scope) {
    this.#context = context;
    this.#scope = scope;
    const namespaces = new Collection<string, ApiObject>(
      ({ metadata }) => metadata.name,
      (_key, before, after) => {
        if (after !== undefined && before === undefined) this.#add(after);
        else if (before !== undefined && after === undefined) this.#remove(before);
      },
    );
    this.#reflector = new Reflector(context, { root: CORE_ROOT, resource: 'namespaces' }, namespaces);
  }

  async start(): Promise<void> {
    try {
      await this.#reflector.start();
    } catch (error) {
      throw explained(error, this.#reflector.query, this.#context);
    }
    const names = [...this.#feeds.keys()];
    const results = await Promise.allSettled([...this.#feeds.values()].map((feed) => feed.start()));
    this.#started = true;
    const leftOut = names.filter((_name, i) => results[i].status === 'rejected');
    const failure = results.find((result) => result.status === 'rejected');
    if (failure && leftOut.length === names.length) throw failure.reason;
    for (const name of leftOut) this.#remove(name);
    if (failure) {
      const named = leftOut.slice(0, NAMED).join(', ') + (leftOut.length > NAMED ? ', …' : '');
      this.#context.log.info(
        `${leftOut.length} of ${names.length} namespaces are left out (${named}): ${reasonOf(failure.reason)}`,
      );
    }
  }

  async refresh(service: ServiceId, olderThanMs: number): Promise<void> {
    await this.#feeds.get(service.namespace)?.refresh(service, olderThanMs);
  }

  /** Each namespace is removed by it. */
  close(): void {
    this.#reflector.close();
  }

  #add(namespace: string): void {
    const { limits, log } = this.#context;
    const pollOnly = this.#feeds.size >= limits.watchedNamespaces;
    const feed = new ScopeFeed(this.#context, { ...this.#scope, namespace, exists: true, pollOnly });
    this.#feeds.set(namespace, feed);
    if (!this.#started) return;
    feed.start().catch((error: unknown) => {
      log.debug(`namespace ${namespace} is left out: ${reasonOf(error)}`);
      if (this.#feeds.get(namespace) === feed) this.#remove(namespace);
    });
  }

  #remove(namespace: string): void {
    this.#feeds.get(namespace)?.close();
    this.#feeds.delete(namespace);
  }
}
