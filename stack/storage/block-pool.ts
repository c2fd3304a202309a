/**
 * Fixed blocks for received bytes, shared by all connections under one budget.
 *
 * A connection holds blocks only while it holds bytes, so thousands of idle
 * ones cost nothing. Freed blocks are kept up to `idleBytes` for the next
 * taker; what is beyond goes to the garbage collector.
 *
 * A part of the whole is for first blocks alone: connections whose readers have
 * stalled may hold all the rest, and yet every other one gets on, a block at a time.
 */
export const BLOCK_BYTES = 65_536;

/** One block of so many is for those who hold none. */
const RESERVED_OF = 8;

export class BlockPool {
  readonly #maxBlocks: number;
  readonly #maxIdle: number;
  readonly #reserved: number;
  readonly #idle: Uint8Array[] = [];
  #inUse = 0;

  constructor(maxBytes: number, idleBytes: number) {
    this.#maxBlocks = Math.max(1, Math.floor(maxBytes / BLOCK_BYTES));
    this.#maxIdle = Math.floor(idleBytes / BLOCK_BYTES);
    this.#reserved = Math.floor(this.#maxBlocks / RESERVED_OF);
  }

  get blocksInUse(): number {
    return this.#inUse;
  }

  get capacityBytes(): number {
    return this.#maxBlocks * BLOCK_BYTES;
  }

  /** Bytes that who holds some may still take. */
  get roomBytes(): number {
    return Math.max(0, this.#maxBlocks - this.#reserved - this.#inUse) * BLOCK_BYTES;
  }

  /** The same of who holds none. */
  get firstRoomBytes(): number {
    return this.#inUse < this.#maxBlocks ? Math.max(BLOCK_BYTES, this.roomBytes) : 0;
  }

  /** @param first the taker holds no other */
  take(first: boolean): Uint8Array | null {
    if (this.#inUse >= this.#maxBlocks - (first ? 0 : this.#reserved)) return null;
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
