/** What may cut one exchange short: its time, and a signal of the caller's. */
import { setMaxListeners } from 'node:events';

interface Destroyable {
  destroy(error: Error): unknown;
}

export class Limit {
  readonly #timeoutMs: number;
  #timer: NodeJS.Timeout | undefined;
  readonly #signal: AbortSignal | undefined;
  #target: Destroyable | undefined;
  #exceeded: Error | undefined;

  /** @param timeoutMs 0 for as long as it takes */
  constructor(timeoutMs: number, signal?: AbortSignal) {
    this.#timeoutMs = timeoutMs;
    this.#signal = signal;
    if (signal?.aborted) {
      this.#onAbort();
    } else if (signal) {
      // One signal ends dozens of streams; Node takes more than ten listeners for a leak.
      setMaxListeners(0, signal);
      signal.addEventListener('abort', this.#onAbort);
    }
  }

  /** The time begins, or begins again: what a login plugin took is not the server's. */
  startClock(): void {
    this.stopClock();
    if (this.#timeoutMs === 0) return;
    const message = `no answer within ${this.#timeoutMs / 1000} s`;
    const error = Object.assign(new Error(message), { code: 'ETIMEDOUT' });
    this.#timer = setTimeout(() => this.#cut(error), this.#timeoutMs);
  }

  /** From now on it is this that is cut short, instead of what was before. */
  hold(target: Destroyable): void {
    this.#target = target;
    if (this.#exceeded) target.destroy(this.#exceeded);
  }

  /** There is no hurry any more; the signal still counts. */
  stopClock(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  release(): void {
    this.stopClock();
    this.#signal?.removeEventListener('abort', this.#onAbort);
    this.#target = undefined;
  }

  readonly #onAbort = (): void => {
    const reason: unknown = this.#signal?.reason;
    this.#cut(reason instanceof Error ? reason : new Error('given up'));
  };

  #cut(error: Error): void {
    this.#exceeded = error;
    this.#target?.destroy(error);
  }
}
