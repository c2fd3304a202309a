/**
 * Keeps long work in small pieces, so that packets and timers have their turn in between.
 *
 * A socket hands over up to 2 MB before the event loop goes on, and what is
 * told of in there by thousands of events would be taken in at once.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';

/** Two resources are followed side by side, and what they bring is published in slices of its own. */
const SLICE_MS = 2;

export class Pace {
  #endsAtMs = performance.now() + SLICE_MS;

  /** To be awaited between two pieces: at once while there is time left, else after everybody else. */
  async keep(): Promise<void> {
    if (performance.now() < this.#endsAtMs) return;
    await nextTurn();
    this.#endsAtMs = performance.now() + SLICE_MS;
  }
}
