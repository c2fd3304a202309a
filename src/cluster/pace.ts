/**
 * Keeps long work in small pieces, so that packets and timers have their turn in between.
 *
 * A socket hands over up to 2 MB before the event loop goes on, and what is
 * told of in there by thousands of events would be taken in at once. Two
 * resources are followed side by side, and what they bring is published in
 * slices of its own.
 */

import { setImmediate as nextTurn } from 'node:timers/promises';
import { monotonicMs } from '../monotonic.ts';
import { SLICE_MS, unhurried } from '../slices.ts';

export class Pace {
  readonly #rest: () => Promise<unknown>;
  #endsAtMs = monotonicMs() + SLICE_MS;

  constructor(of: 'at once' | 'unhurried') {
    this.#rest = of === 'at once' ? nextTurn : () => new Promise<void>(unhurried);
  }

  /** To be awaited between two pieces: at once while there is time left, else after everybody else. */
  async keep(): Promise<void> {
    if (monotonicMs() < this.#endsAtMs) return;
    await this.#rest();
    this.#endsAtMs = monotonicMs() + SLICE_MS;
  }
}
