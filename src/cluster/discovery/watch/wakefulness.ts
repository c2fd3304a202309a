/**
 * Notices that the machine was asleep.
 *
 * CLOCK_MONOTONIC stands still while a machine is suspended, and the wall clock
 * does not (clock_gettime(2)). Where the distance between the two has grown,
 * there was a sleep, or the clock was set; connections that were open before
 * may be dead without anybody having said so.
 */
import { monotonicMs } from '../../../monotonic.ts';
import type { DiscoveryLimits } from '../limits.ts';

interface Clocks {
  wallMs(): number;
  monotonicMs(): number;
}

const CLOCKS: Clocks = { wallMs: () => Date.now(), monotonicMs };

export class Wakefulness {
  readonly #limits: Pick<DiscoveryLimits, 'clockMs' | 'clockJumpMs'>;
  readonly #clocks: Clocks;
  readonly #listeners = new Set<() => void>();
  #timer: NodeJS.Timeout | undefined;
  #distanceMs = 0;

  constructor(limits: Pick<DiscoveryLimits, 'clockMs' | 'clockJumpMs'>, clocks: Clocks = CLOCKS) {
    this.#limits = limits;
    this.#clocks = clocks;
  }

  /** @returns a function that ends it. */
  onWake(listener: () => void): () => void {
    this.#listeners.add(listener);
    if (this.#timer === undefined) this.#start();
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size > 0) return;
      clearInterval(this.#timer);
      this.#timer = undefined;
    };
  }

  #start(): void {
    this.#distanceMs = this.#distance();
    this.#timer = setInterval(() => this.#look(), this.#limits.clockMs);
    this.#timer.unref();
  }

  #look(): void {
    const before = this.#distanceMs;
    this.#distanceMs = this.#distance();
    if (this.#distanceMs - before < this.#limits.clockJumpMs) return;
    for (const listener of this.#listeners) listener();
  }

  #distance(): number {
    return this.#clocks.wallMs() - this.#clocks.monotonicMs();
  }
}
