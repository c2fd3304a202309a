/**
 * Looks again and again at which ports are open.
 *
 * The kernel tells nobody that a socket listens now: its messages about sockets
 * are of those that are destroyed (sock_diag(7)), and need CAP_NET_ADMIN. So
 * its tables are read, often while something changes and less often when
 * nothing has for a while. A table that takes long to read is read seldom, so
 * that looking takes a hundredth of one processor at most.
 */

import { monotonicMs } from '../monotonic.ts';

/** While something changes, and when nothing does: as long as a new port may take to be seen. */
const FASTEST_MS = 50;
const SLOWEST_MS = 250;
const SLOWING = 1.5;
/** A look that takes a millisecond is followed by none for so many. */
const LEAST_REST_PER_COST = 100;

export interface PortWatchOptions<T> {
  /** What is open now, as plain data. */
  readonly read: () => T;
  readonly onChange: (ports: T) => void;
  /** A look has failed; the next one may not. */
  readonly onFailure: (error: unknown) => void;
}

export class PortWatch<T> {
  readonly #options: PortWatchOptions<T>;
  #seen: string;
  #interval = FASTEST_MS;
  #timer: NodeJS.Timeout | undefined;
  #tellsAgain = false;

  /** @param first what was read before, and is known */
  constructor(first: T, options: PortWatchOptions<T>) {
    this.#options = options;
    this.#seen = JSON.stringify(first);
    this.#lookLater(0);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** What the next look sees is told, though nothing has changed: something could not be done about it. */
  tellAgain(): void {
    this.#tellsAgain = true;
  }

  #lookLater(costMs: number): void {
    const wait = Math.max(this.#interval, costMs * LEAST_REST_PER_COST);
    this.#timer = setTimeout(() => {
      const start = monotonicMs();
      this.#look();
      // Unless what was told has closed us.
      if (this.#timer !== undefined) this.#lookLater(monotonicMs() - start);
    }, wait);
  }

  #look(): void {
    this.#interval = Math.min(this.#interval * SLOWING, SLOWEST_MS);
    try {
      const ports = this.#options.read();
      const text = JSON.stringify(ports);
      const changed = text !== this.#seen;
      if (!changed && !this.#tellsAgain) return;
      if (changed) this.#interval = FASTEST_MS;
      this.#seen = text;
      this.#tellsAgain = false;
      this.#options.onChange(ports);
    } catch (error) {
      this.#options.onFailure(error);
    }
  }
}
