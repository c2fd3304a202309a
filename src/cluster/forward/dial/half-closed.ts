/**
 * Connections whose near side has sent its FIN, and whose pod may still be answering.
 *
 * The container runtimes neither pass a FIN on to the pod nor go on for more
 * than a second once one direction has ended. So the FIN is held back until
 * the pod has been silent for `halfCloseSilenceMs`. Since a plain close looks
 * the same as a half-close from here, that is the fate of most connections:
 * what waits is bounded, and past the bound those that have been silent longest
 * are ended early, unless they have just been active.
 */
import { monotonicMs } from '../../../monotonic.ts';
import type { ForwardLimits } from '../limits.ts';

/** One that got a byte within this is not ended early. */
const ACTIVE_MS = 1_000;

export class HalfClosed {
  readonly #limits: ForwardLimits;
  /** Most silent first, with the time of the last sign of life. */
  readonly #waiting = new Map<() => void, { since: number; timer: NodeJS.Timeout }>();

  constructor(limits: ForwardLimits) {
    this.#limits = limits;
  }

  /** Calls `finish` once the pod has been silent for long enough; again for each sign of life. */
  touch(finish: () => void): void {
    const known = this.#waiting.get(finish);
    const since = monotonicMs();
    if (known) {
      this.#waiting.delete(finish);
      known.since = since;
      known.timer.refresh();
      this.#waiting.set(finish, known);
      return;
    }
    const timer = setTimeout(() => this.#finish(finish), this.#limits.halfCloseSilenceMs);
    this.#waiting.set(finish, { since, timer });
    this.#makeRoom(since);
  }

  forget(finish: () => void): void {
    clearTimeout(this.#waiting.get(finish)?.timer);
    this.#waiting.delete(finish);
  }

  #makeRoom(now: number): void {
    if (this.#waiting.size <= this.#limits.halfClosedConnections) return;
    const [finish, { since }] = this.#waiting.entries().next().value ?? never();
    if (now - since >= ACTIVE_MS) this.#finish(finish);
  }

  #finish(finish: () => void): void {
    this.forget(finish);
    finish();
  }
}

function never(): never {
  throw new Error('an empty table cannot be over its bound');
}
