/** How long to wait after failures in a row: doubled by each, bounded, and drawn at random (no herds). */
export interface PauseRange {
  readonly firstMs: number;
  readonly maxMs: number;
}

export class Backoff {
  readonly #range: PauseRange;
  readonly #random: () => number;
  #dueMs: number;

  /** @param random 0 up to 1. */
  constructor(range: PauseRange, random: () => number) {
    this.#range = range;
    this.#random = random;
    this.#dueMs = range.firstMs;
  }

  /** The next pause: between half of what is due and all of it. */
  next(): number {
    const dueMs = this.#dueMs;
    this.#dueMs = Math.min(dueMs * 2, this.#range.maxMs);
    return dueMs * (0.5 + this.#random() / 2);
  }

  reset(): void {
    this.#dueMs = this.#range.firstMs;
  }
}
