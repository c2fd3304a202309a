/**
 * Fixed blocks for received bytes, shared by all connections under one budget.
 *
 * A connection holds blocks only while it holds bytes, so thousands of idle
 * ones cost nothing. Freed blocks are kept up to `idleBytes` for the next
 * taker; what is beyond goes to the garbage collector.
 */
export const BLOCK_BYTES = 65_536;

export class BlockPool {
  readonly #maxBlocks: number;
  readonly #maxIdle: number;
  readonly #idle: Uint8Array[] = [];
  #inUse = 0;

  constructor(maxBytes: number, idleBytes: number) {
    this.#maxBlocks = Math.max(1, Math.floor(maxBytes / BLOCK_BYTES));
    this.#maxIdle = Math.floor(idleBytes / BLOCK_BYTES);
  }

  get blocksInUse(): number {
    return this.#inUse;
  }

  get capacityBytes(): number {
    return this.#maxBlocks * BLOCK_BYTES;
  }

  /** Bytes that may still be taken. */
  get roomBytes(): number {
    return (this.#maxBlocks - this.#inUse) * BLOCK_BYTES;
  }

  take(): Uint8Array | null {
    if (this.#inUse >= this.#maxBlocks) return null;
    this.#inUse++;
    return this.#idle.pop() ?? new Uint8Array(BLOCK_BYTES);
  }

  give(block: Uint8Array): void {
    this.#inUse--;
    if (this.#idle.length < this.#maxIdle) this.#idle.push(block);
  }

  /** A block that somebody may still be reading: no longer counted, never handed out again. */
  forget(): void {
    this.#inUse--;
  }
}
