/**
 * The received bytes of one connection, in pooled blocks.
 *
 * A byte's place is its position in the stream: position p, counted from the
 * first block's first byte, is in block p / 64 KiB. So a segment that arrives
 * ahead of a gap is written straight to where it belongs, and filling the gap
 * moves nothing. Which positions past the gap are filled is not known here
 * (see range-set.ts).
 *
 *      released   read      tail (in order so far)   out of order
 *   |·····|#########|########|          ‥‥‥‥      |
 *
 * - [released, read): with the application, which holds views of the blocks
 * - [read, tail): waits to be read
 *
 * A block goes back to the pool once all of it is released, or when the queue
 * is empty. A block the application may still look into is never reused: on
 * `discard` it is left to the garbage collector.
 */
import { copyBytes } from '../wire/bytes.ts';
import { BLOCK_BYTES, type BlockPool } from './block-pool.ts';

const BLOCK_SHIFT = 16;
const BLOCK_MASK = BLOCK_BYTES - 1;

export class ReceiveQueue {
  readonly #pool: BlockPool;
  /** null: nothing has arrived for that block yet. */
  readonly #blocks: (Uint8Array | null)[] = [];
  /** Blocks that are not null. */
  #owned = 0;
  #released = 0;
  #read = 0;
  #tail = 0;

  constructor(pool: BlockPool) {
    this.#pool = pool;
  }

  /** Bytes in order that are not released: what counts against the window. */
  get heldBytes(): number {
    return this.#tail - this.#released;
  }

  get unreadBytes(): number {
    return this.#tail - this.#read;
  }

  /** Bytes past the tail for which there are blocks already. */
  get ownRoomBytes(): number {
    return this.#owned * BLOCK_BYTES - this.#tail;
  }

  /** Bytes past the tail for which there is memory, here or in the pool. */
  get roomBytes(): number {
    return this.#owned === 0 ? this.#pool.firstRoomBytes : this.ownRoomBytes + this.#pool.roomBytes;
  }

  /**
   * Copies bytes to `ahead` bytes past the tail.
   *
   * @returns how many: fewer than `length` when the pool has no block left
   */
  write(ahead: number, buffer: Uint8Array, offset: number, length: number): number {
    let position = this.#tail + ahead;
    let from = offset;
    const end = offset + length;
    while (from < end) {
      const block = this.#blockAt(position >>> BLOCK_SHIFT);
      if (block === null) break;
      const start = position & BLOCK_MASK;
      const part = Math.min(end - from, BLOCK_BYTES - start);
      copyBytes(buffer, from, block, start, part);
      from += part;
      position += part;
    }
    return from - offset;
  }

  /** The next `length` bytes past the tail have all been written. */
  extend(length: number): void {
    this.#tail += length;
  }

  /** The next unread bytes, as a view that holds until they are released. */
  read(): Uint8Array | null {
    const available = this.#tail - this.#read;
    if (available === 0) return null;
    const start = this.#read & BLOCK_MASK;
    const length = Math.min(available, BLOCK_BYTES - start);
    const block = this.#blocks[this.#read >>> BLOCK_SHIFT];
    if (block === null || block === undefined) throw new Error('a readable position has no block');
    this.#read += length;
    return block.subarray(start, start + length);
  }

  /** The application is done with the oldest `length` bytes that it read. */
  release(length: number): void {
    if (length < 0 || this.#released + length > this.#read) {
      throw new RangeError('more bytes released than read');
    }
    this.#released += length;
    while (this.#released >= BLOCK_BYTES) {
      this.#giveFirst();
      this.#released -= BLOCK_BYTES;
      this.#read -= BLOCK_BYTES;
      this.#tail -= BLOCK_BYTES;
    }
  }

  /**
   * Gives the last block back when nothing is held.
   *
   * @param hasRanges whether bytes beyond the tail wait for a gap to close
   */
  trim(hasRanges: boolean): void {
    if (hasRanges || this.#released !== this.#tail) return;
    while (this.#blocks.length > 0) this.#giveFirst();
    this.#released = 0;
    this.#read = 0;
    this.#tail = 0;
  }

  /** Drops all bytes. Views that were read stay valid, and `release` is no longer to be called. */
  discard(): void {
    const firstUnlent = (this.#read + BLOCK_MASK) >>> BLOCK_SHIFT;
    const lent = this.#read > this.#released;
    for (let i = 0; i < this.#blocks.length; i++) {
      const block = this.#blocks[i];
      if (block === null) continue;
      if (lent && i < firstUnlent) this.#pool.forget();
      else this.#pool.give(block);
    }
    this.#blocks.length = 0;
    this.#owned = 0;
    this.#released = 0;
    this.#read = 0;
    this.#tail = 0;
  }

  #blockAt(index: number): Uint8Array | null {
    while (this.#blocks.length <= index) this.#blocks.push(null);
    let block = this.#blocks[index];
    if (block === null) {
      block = this.#pool.take(this.#owned === 0);
      if (block !== null) this.#owned++;
      this.#blocks[index] = block;
    }
    return block;
  }

  #giveFirst(): void {
    const block = this.#blocks.shift();
    if (block === null || block === undefined) return;
    this.#owned--;
    this.#pool.give(block);
  }
}
