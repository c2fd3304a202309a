/**
 * Turns the stack's crank: packets in by batches, timers, output.
 *
 * The stack has no clock and no event loop of its own. It is polled after each
 * batch of packets, when its next timer is due, and soon after anybody has
 * given it something to send; several such wishes in one turn of the event
 * loop make one poll.
 */

import type { LinkDevice } from '../../sandbox/index.ts';
import type { ObservedDevice, Stack } from '../../stack/index.ts';
import { monotonicMs } from '../monotonic.ts';

/** setTimeout can't wait longer (2^31 - 1 ms); a poll too many does no harm. */
const LONGEST_WAIT_MS = 0x7fff_ffff;

export class Driver {
  readonly #stack: Stack;
  readonly #observed: ObservedDevice | undefined;
  #timer: NodeJS.Timeout | undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  #immediate: NodeJS.Immediate | undefined;
  #stopped = false;

  /** @param observed the device that the stack has been given, where frames are looked at on their way */
  constructor(device: LinkDevice, stack: Stack, observed?: ObservedDevice) {
    this.#stack = stack;
    this.#observed = observed;
    stack.onWake = () => this.#pollSoon();
    device.onWritable = () => {
      stack.deviceWritable(monotonicMs());
      this.#schedule();
    };
    device.start((arena, offsets, lengths, count) => this.#batch(arena, offsets, lengths, count));
    this.#schedule();
  }

  /** Ends every connection, and tells those they belong to. */
  stop(): void {
    this.#stopped = true;
    this.#stack.onWake = null;
    clearTimeout(this.#timer);
    clearImmediate(this.#immediate);
    this.#stack.abortAll();
    this.#stack.poll(monotonicMs());
  }

  #batch(arena: Uint8Array, offsets: Int32Array, lengths: Int32Array, count: number): void {
    const now = monotonicMs();
    for (let i = 0; i < count; i++) {
      this.#observed?.received(arena, offsets[i], lengths[i]);
      this.#stack.receive(now, arena, offsets[i], lengths[i]);
    }
    this.#poll();
  }

  #poll(): void {
    if (this.#stopped) return;
    this.#stack.poll(monotonicMs());
    this.#schedule();
  }

  #pollSoon(): void {
    if (this.#immediate !== undefined || this.#stopped) return;
    this.#immediate = setImmediate(() => {
      this.#immediate = undefined;
      this.#poll();
    });
  }

  /** One timer, moved only when the next event comes sooner: most timers of a stack are put off, not met. */
  #schedule(): void {
    const at = this.#stack.pollAt();
    if (at >= this.#timerAt || this.#stopped) return;
    const wait = at - monotonicMs();
    if (wait <= 0) {
      this.#pollSoon();
      return;
    }
    clearTimeout(this.#timer);
    this.#timerAt = at;
    this.#timer = setTimeout(
      () => {
        this.#timerAt = Number.POSITIVE_INFINITY;
        this.#poll();
      },
      Math.min(Math.ceil(wait), LONGEST_WAIT_MS),
    );
  }
}
