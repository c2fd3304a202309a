/**
 * Tells the user, once, that what is known of the cluster may be old, and once that it is not any more.
 *
 * Each resource of each namespace is followed by itself; an API server that
 * is gone fails them all, and is one line.
 */
import { monotonicMs } from '../../../monotonic.ts';
import type { ClusterLog } from '../../log.ts';

export class Health {
  readonly #reportMs: number;
  readonly #log: ClusterLog;
  /** Who fails, and since when. */
  readonly #failing = new Map<object, number>();
  #timer: NodeJS.Timeout | undefined;
  #reason = '';
  #reportedSinceMs: number | undefined;

  constructor(reportMs: number, log: ClusterLog) {
    this.#reportMs = reportMs;
    this.#log = log;
  }

  failed(who: object, reason: string): void {
    this.#reason = reason;
    if (!this.#failing.has(who)) this.#failing.set(who, monotonicMs());
    if (this.#timer !== undefined || this.#reportedSinceMs !== undefined) return;
    this.#timer = setTimeout(() => this.#report(), this.#reportMs);
    this.#timer.unref();
  }

  recovered(who: object): void {
    if (!this.#failing.delete(who) || this.#failing.size > 0) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#reportedSinceMs === undefined) return;
    const seconds = Math.round((monotonicMs() - this.#reportedSinceMs) / 1000);
    this.#reportedSinceMs = undefined;
    this.#log.info(`Services and endpoints are up to date again, after ${seconds} s`);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#failing.clear();
  }

  #report(): void {
    this.#timer = undefined;
    this.#reportedSinceMs = Math.min(...this.#failing.values());
    this.#log.warn(`Services and endpoints stay as they were for now: ${this.#reason}`);
  }
}
