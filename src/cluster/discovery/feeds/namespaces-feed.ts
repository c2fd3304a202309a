/**
 * All namespaces, one by one: for accounts that may not list Services everywhere at once.
 *
 * Each namespace that there is has a feed of its own, also one that appears
 * later. Those whose Services this account may not list are left out, and looked
 * at again: of a new namespace the right is often given a moment after it was
 * made. Past a bound they are listed at intervals instead of watched, since each
 * watch is a connection.
 */
import type { ApiObject } from '../../api/objects.ts';
import { reasonOf } from '../../errors.ts';
import type { ServiceId } from '../services.ts';
import { Backoff, type PauseRange } from '../watch/backoff.ts';
import { Collection } from '../watch/collection.ts';
import { CORE_ROOT, listPath } from '../watch/query.ts';
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
  /** When each is looked at again. */
  readonly #leftOut = new Map<string, NodeJS.Timeout>();
  #started = false;

  /** @param scope what is followed in each of them */
  constructor(context: FeedContext, scope: Scope) {
    this.#context = context;
    this.#scope = scope;
    const namespaces = new Collection<string, ApiObject>(
      ({ metadata }) => metadata.name,
      (_key, before, after) => {
        if (after !== undefined && before === undefined) this.#appeared(after);
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
    // There may be hundreds, and of most it stays so.
    const { maxMs } = this.#context.limits.leftOutBackoff;
    for (const name of leftOut) {
      // It may be no more by now.
      if (this.#feeds.has(name)) this.#leaveOut(name, this.#backoff({ firstMs: maxMs, maxMs }));
    }
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

  #appeared(namespace: string): void {
    const feed = this.#add(namespace);
    if (this.#started) void this.#start(namespace, feed, this.#backoff(this.#context.limits.leftOutBackoff));
  }

  #add(namespace: string): ScopeFeed {
    const pollOnly = this.#feeds.size >= this.#context.limits.watchedNamespaces;
    const feed = new ScopeFeed(this.#context, { ...this.#scope, namespace, exists: true, pollOnly });
    this.#feeds.set(namespace, feed);
    return feed;
  }

  async #start(namespace: string, feed: ScopeFeed, backoff: Backoff): Promise<void> {
    try {
      await feed.start();
    } catch (error) {
      if (this.#feeds.get(namespace) !== feed) return;
      this.#context.log.debug(`namespace ${namespace} is left out: ${reasonOf(error)}`);
      this.#leaveOut(namespace, backoff);
    }
  }

  /** For now: it is looked at again, less and less often. */
  #leaveOut(namespace: string, backoff: Backoff): void {
    this.#remove(namespace);
    const timer = setTimeout(() => void this.#lookAgain(namespace, backoff), backoff.next());
    timer.unref();
    this.#leftOut.set(namespace, timer);
  }

  async #lookAgain(namespace: string, backoff: Backoff): Promise<void> {
    const timer = this.#leftOut.get(namespace);
    const mayList = await this.#mayList(namespace);
    if (this.#leftOut.get(namespace) !== timer) return; // it has gone
    this.#leftOut.delete(namespace);
    if (mayList) await this.#start(namespace, this.#add(namespace), backoff);
    else this.#leaveOut(namespace, backoff);
  }

  /** One request, where a feed would look for all sources of endpoints too. */
  async #mayList(namespace: string): Promise<boolean> {
    const query = { root: CORE_ROOT, resource: 'services', namespace };
    try {
      return (await this.#context.api.get(listPath(query, 1))).status === 200;
    } catch {
      return false; // the API server is away
    }
  }

  #backoff(range: PauseRange): Backoff {
    return new Backoff(range, this.#context.random);
  }

  #remove(namespace: string): void {
    this.#feeds.get(namespace)?.close();
    this.#feeds.delete(namespace);
    clearTimeout(this.#leftOut.get(namespace));
    this.#leftOut.delete(namespace);
  }
}
