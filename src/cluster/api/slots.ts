/** So many at once, and no more: the rest wait for their turn, first come, first served. */
export class Slots {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  /** Runs the task in a slot of its own; the slot is free again when the task has ended. */
  async run<T>(task: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await task();
    } finally {
      // A slot that is handed on was never free.
      const next = this.#waiting.shift();
      if (next) next();
      else this.#free++;
    }
  }
}
