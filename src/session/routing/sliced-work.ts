/**
 * Work that comes in any amount, done in slices so that packets never wait long for it.
 *
 * What fits into one slice is done before `add` returns. Of more the rest
 * follows slice by slice, with a rest in between. The order is kept.
 */

import { monotonicMs } from '../../monotonic.ts';
import { SLICE_MS, unhurried } from '../../slices.ts';

/** The clock is looked at once for so many items. */
const BATCH = 16;

export class SlicedWork<T> {
  readonly #handle: (item: T) => void;
  readonly #sliceDone: () => void;
  #due: T[] = [];
  #waits = false;

  /** @param sliceDone called after each slice */
  constructor(handle: (item: T) => void, sliceDone: () => void) {
    this.#handle = handle;
    this.#sliceDone = sliceDone;
  }

  add(items: readonly T[]): void {
    this.#due = this.#due.concat(items);
    if (!this.#waits) this.#work();
  }

  #work(): void {
    if (this.#due.length === 0) return;
    const until = monotonicMs() + SLICE_MS;
    let done = 0;
    do {
      for (const item of this.#due.slice(done, done + BATCH)) this.#handle(item);
      done += BATCH;
    } while (done < this.#due.length && monotonicMs() < until);
    this.#due = this.#due.slice(done);
    this.#sliceDone();
    if (this.#due.length === 0) return;
    this.#waits = true;
    unhurried(() => {
      this.#waits = false;
      this.#work();
    });
  }
}
