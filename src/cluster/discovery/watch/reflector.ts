/**
 * Follows one resource of the API: a list, then a watch from where the list ended.
 *
 *     list ──► watch ──► its time is over, it broke off, it fell silent ──► watch again, from the last version
 *      ▲         ├─────► the version is forgotten (410) ──────────────────► list
 *      │         └─────► watching is not allowed ─────────────────────────► wait, list, wait, list …
 *      └── after a pause that grows with each failure
 *
 * The version is moved on by every event and by bookmarks, so that a watch
 * that is resumed seldom finds it forgotten. Whatever fails, what is known
 * stays known, and is corrected by the next list or event.
 *
 * A watch can die without a word: a laptop that slept, a NAT that forgot. So
 * it is given up where it says nothing for too long, or past the time at which
 * the server was asked to end it, or when the machine has slept.
 *
 * What a server answers while it starts is not believed: one that has just
 * come back says 403 until it knows its roles, so only a right that was
 * missing from the first is held to be missing.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { actionLine, isActionable } from '../../../errors.ts';
import { monotonicMs } from '../../../monotonic.ts';
import type { ApiClient } from '../../api/client.ts';
import { answered } from '../../api/errors.ts';
import { ClusterError, reasonOf } from '../../errors.ts';
import type { ClusterLog } from '../../log.ts';
import type { DiscoveryLimits } from '../limits.ts';
import type { Backlog } from './backlog.ts';
import { Backoff } from './backoff.ts';
import type { ListSink, ObjectSink } from './collection.ts';
import { parseEvent } from './event.ts';
import type { Health } from './health.ts';
import { LineSplitter } from './lines.ts';
import { listAll, Refusal } from './list.ts';
import { Pace } from '../../pace.ts';
import { placeOf, type ResourceQuery, watchPath } from './query.ts';
import type { Wakefulness } from './wakefulness.ts';

/** What all reflectors of a cluster share. */
export interface ReflectorContext {
  readonly api: Pick<ApiClient, 'get' | 'getList' | 'stream' | 'dropIdle'>;
  readonly contextName: string;
  readonly limits: DiscoveryLimits;
  readonly log: ClusterLog;
  readonly health: Health;
  readonly wakefulness: Wakefulness;
  /** 0 up to 1. */
  readonly random: () => number;
  /** What long first lists bring. */
  readonly backlog: Backlog;
  /** When all first lists are in, and read: nothing is followed before, since one of them may fail. */
  readonly begun: Promise<void>;
}

const GONE = 410;
const UNAUTHORIZED = 401;
const FORBIDDEN = 403;
/** Some proxies and aggregated servers know no watch at all. */
const METHOD_NOT_ALLOWED = 405;

export class Reflector {
  readonly query: ResourceQuery;
  readonly #context: ReflectorContext;
  readonly #sink: ObjectSink;
  readonly #failures: Backoff;
  readonly #refusals: Backoff;
  /** Where a watch may go on; undefined: a list is due. */
  #version: string | undefined;
  #watching = false;
  /** How many have been opened. What one tells is newer than a list that was under way. */
  #watches = 0;
  /** A watch is not tried before. */
  #watchNotBeforeMs = Number.NEGATIVE_INFINITY;
  #listedAtMs = Number.NEGATIVE_INFINITY;
  #listing: Promise<number> | undefined;
  #closed = false;
  /** Ends the pause or the watch that is under way, so that the next round begins at once. */
  #interrupt = new AbortController();
  #stopListening: () => void = () => {};

  /** @param options.pollOnly never watches: there are too many others already. */
  constructor(
    context: ReflectorContext,
    query: ResourceQuery,
    sink: ObjectSink,
    options: { pollOnly?: boolean } = {},
  ) {
    this.query = query;
    this.#context = context;
    this.#sink = sink;
    this.#failures = new Backoff(context.limits.failureBackoff, context.random);
    this.#refusals = new Backoff(context.limits.refusalBackoff, context.random);
    if (options.pollOnly) this.#watchNotBeforeMs = Number.POSITIVE_INFINITY;
  }

  /** Whether a watch tells of every change, as far as is known. */
  get live(): boolean {
    return this.#watching;
  }

  /**
   * Lists, and follows from there.
   *
   * @returns how many objects there are
   * @throws Refusal, ClusterError where the first list fails; nothing is followed then
   */
  async start(): Promise<number> {
    const count = await this.#list('whole');
    if (!this.#closed) this.startWhenPossible();
    return count;
  }

  /** The same without a first answer: the list is tried until there is one. */
  startWhenPossible(): void {
    this.#stopListening = this.#context.wakefulness.onWake(() => this.#wake());
    void this.#follow();
  }

  /** Lists again, unless a watch makes it needless or what is known is younger than that. */
  async refresh(olderThanMs: number): Promise<void> {
    if (this.#watching || this.#closed) return;
    if (!this.#listing && monotonicMs() - this.#listedAtMs < olderThanMs) return;
    try {
      await this.#list('pages');
    } catch (error) {
      this.#context.log.debug(`${this.#name()} could not be listed: ${reasonOf(error)}`);
    }
  }

  /** What was known by it is gone. */
  close(): void {
    this.#closed = true;
    this.#interrupt.abort();
    this.#stopListening();
    this.#context.health.recovered(this);
    this.#sink.clear();
  }

  async #follow(): Promise<void> {
    await this.#context.begun;
    let pauseMs = this.#version === undefined || this.#mayWatch() ? 0 : this.#pollMs();
    while (!this.#closed) {
      if (pauseMs > 0) await this.#pause(pauseMs);
      if (this.#closed) return;
      const listDue = this.#version === undefined || !this.#mayWatch();
      pauseMs = listDue ? await this.#listRound() : await this.#watchRound(this.#version ?? '');
    }
  }

  /** @returns the pause until the next round. */
  async #listRound(): Promise<number> {
    try {
      await this.#list('pages');
      this.#succeeded();
      return this.#mayWatch() ? 0 : this.#pollMs();
    } catch (error) {
      return this.#failed(error);
    }
  }

  /** @returns the pause until the next round. */
  async #watchRound(version: string): Promise<number> {
    const interrupt = this.#freshInterrupt();
    try {
      await this.#watch(version, interrupt);
      return 0;
    } catch (error) {
      if (interrupt.aborted) return 0;
      const status = statusOf(error);
      if (status === GONE) {
        this.#version = undefined;
        return 0;
      }
      const missing = status === FORBIDDEN || status === METHOD_NOT_ALLOWED;
      return missing && this.#watches === 0 ? this.#denied() : this.#failed(error);
    } finally {
      this.#watching = false;
    }
  }

  /** Returns when the server has ended it in order; throws a Refusal for what it has refused. */
  async #watch(version: string, interrupt: AbortSignal): Promise<void> {
    const { api, limits, random } = this.#context;
    const askedMs = limits.watchMs * (1 + random() / 2);
    const overdue = AbortSignal.timeout(Math.ceil(askedMs + limits.silenceMs));
    const answer = await api.stream(watchPath(this.query, version, Math.ceil(askedMs / 1000)), {
      signal: AbortSignal.any([interrupt, overdue]),
      idleMs: limits.silenceMs,
    });
    if (!answer.streaming) throw new Refusal(answer);
    const openedAtMs = monotonicMs();
    this.#watching = true;
    this.#watches++;
    this.#succeeded();
    const lines = new LineSplitter(limits.lineBytes, (line) => this.#line(line));
    const pace = new Pace('at once');
    for await (const chunk of answer.body) {
      lines.push(chunk);
      await pace.keep();
    }
    if (this.#version === version && monotonicMs() - openedAtMs < limits.watchMinMs) {
      throw new Error('the server has ended the watch at once');
    }
  }

  #line(line: string): void {
    const event = parseEvent(line);
    if (event === undefined || this.#closed) return;
    switch (event.type) {
      case 'ERROR':
        throw new Refusal({ status: event.code, message: event.message, body: undefined });
      case 'ADDED':
      case 'MODIFIED':
        this.#sink.put(event.object);
        break;
      case 'DELETED':
        this.#sink.delete(event.object);
        break;
      case 'BOOKMARK':
        break;
    }
    this.#version = event.object.metadata.resourceVersion ?? this.#version;
  }

  /** One at a time; who asks while it is under way waits for that one. */
  #list(how: 'whole' | 'pages'): Promise<number> {
    this.#listing ??= this.#listNow(how);
    return this.#listing;
  }

  /** @returns how many objects there are */
  async #listNow(how: 'whole' | 'pages'): Promise<number> {
    const { api, limits, backlog } = this.#context;
    const paged = { pages: { items: limits.pageItems, count: limits.pages } };
    const whole = backlog.isClosed ? {} : { backlog };
    const watches = this.#watches;
    try {
      const { version, count } = await listAll(api, this.query, how === 'whole' ? whole : paged, () =>
        this.#beginList(),
      );
      if (this.#watches === watches) this.#version = version;
      return count;
    } finally {
      if (this.#closed) this.#sink.clear();
      this.#listedAtMs = monotonicMs();
      this.#listing = undefined;
    }
  }

  /** Nothing is taken any more once this is closed or a watch has been opened, also of what was put off. */
  #beginList(): ListSink {
    const list = this.#sink.beginList();
    const watches = this.#watches;
    const counts = (): boolean => !this.#closed && this.#watches === watches;
    return {
      page: (objects) => {
        if (counts()) list.page(objects);
      },
      end: () => {
        if (counts()) list.end();
      },
    };
  }

  #succeeded(): void {
    this.#failures.reset();
    this.#refusals.reset();
    this.#context.health.recovered(this);
  }

  /** @returns the pause that is due. */
  #failed(error: unknown): number {
    if (this.#closed) return 0;
    const { api, log, health } = this.#context;
    const status = statusOf(error);
    // Who has no credentials has not asked; the login plugin is not to be started again and again.
    const noCredentials = error instanceof ClusterError && error.code === 'CREDENTIALS_FAILED';
    // What broke this connection may have broken those that nobody uses.
    if (status === 0 && !noCredentials) api.dropIdle();
    health.failed(this, this.#told(error));
    log.debug(`${this.#name()}: ${reasonOf(error)}`);
    const refused = noCredentials || status === UNAUTHORIZED || status === FORBIDDEN;
    return (refused ? this.#refusals : this.#failures).next();
  }

  #told(error: unknown): string {
    if (!(error instanceof Refusal)) return isActionable(error) ? actionLine(error) : reasonOf(error);
    const { status, message } = error.answer;
    const { resource, namespace } = this.query;
    const request = { verb: 'watch', resource, namespace, contextName: this.#context.contextName };
    return actionLine(answered(status, message, request));
  }

  /** @returns the pause until the next list. */
  #denied(): number {
    const { limits, log } = this.#context;
    if (this.#watchNotBeforeMs === Number.NEGATIVE_INFINITY) {
      log.info(`this account may not watch ${this.#name()}: listed every ${limits.pollMs / 1000} s instead`);
    }
    this.#watchNotBeforeMs = monotonicMs() + limits.watchRetryMs;
    return this.#pollMs();
  }

  #mayWatch(): boolean {
    return monotonicMs() >= this.#watchNotBeforeMs;
  }

  #pollMs(): number {
    return this.#context.limits.pollMs * (1 + this.#context.random() / 2);
  }

  #name(): string {
    return `${this.query.resource} ${placeOf(this.query)}`;
  }

  #wake(): void {
    this.#failures.reset();
    this.#refusals.reset();
    this.#context.api.dropIdle();
    this.#interrupt.abort(new Error('the machine was asleep'));
  }

  #freshInterrupt(): AbortSignal {
    if (this.#interrupt.signal.aborted && !this.#closed) this.#interrupt = new AbortController();
    return this.#interrupt.signal;
  }

  async #pause(ms: number): Promise<void> {
    try {
      await delay(ms, undefined, { signal: this.#freshInterrupt(), ref: false });
    } catch {
      // interrupted: the next round begins at once
    }
  }
}

function statusOf(error: unknown): number {
  return error instanceof Refusal ? error.answer.status : 0;
}
