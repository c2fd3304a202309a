/**
 * The SACK blocks we send (RFC 2018 4): which ranges past a gap are here.
 *
 * The first block holds the segment that came last, the others repeat what was
 * reported before, so that a block survives the loss of some ACKs. A duplicate
 * is reported once, ahead of all (RFC 2883 4): the peer learns that it sent
 * something for nothing.
 *
 * What was reported is never taken back: bytes past a gap keep their memory.
 */
import type { RangeSet } from '../../storage/range-set.ts';
import { setInt32 } from '../../wire/bytes.ts';
import { SACK_BLOCK_BYTES, writeSackHead } from '../../wire/tcp.ts';
import { MAX_SACK_BLOCKS } from './options.ts';

export class SackReport {
  /** A number within each range that changed lately, the latest first. */
  readonly #recent = new Int32Array(MAX_SACK_BLOCKS);
  #recentCount = 0;
  #duplicate = false;
  #duplicateStart = 0;
  #duplicateEnd = 0;
  /** Left and right edges of the blocks of the next ACK. */
  readonly #edges = new Int32Array(2 * MAX_SACK_BLOCKS);
  #blocks = 0;

  /** A segment that starts there is now in one of the ranges. */
  arrived(start: number): void {
    this.#recent.copyWithin(1, 0, MAX_SACK_BLOCKS - 1);
    this.#recent[0] = start;
    if (this.#recentCount < MAX_SACK_BLOCKS) this.#recentCount++;
  }

  /** These bytes came a second time. */
  repeated(start: number, end: number): void {
    this.#duplicate = true;
    this.#duplicateStart = start;
    this.#duplicateEnd = end;
  }

  /** An ACK has carried the blocks. */
  sent(): void {
    this.#duplicate = false;
  }

  /**
   * Chooses the blocks of the next ACK.
   *
   * @returns the bytes that `write` will take
   */
  prepare(ranges: RangeSet | null, maxBlocks: number): number {
    this.#blocks = 0;
    if (this.#duplicate) this.#add(this.#duplicateStart, this.#duplicateEnd);
    const firstRange = this.#blocks;
    if (ranges !== null && ranges.count > 0) {
      for (let i = 0; i < this.#recentCount && this.#blocks < maxBlocks; i++) {
        const range = ranges.indexOf(this.#recent[i]);
        if (range >= 0) this.#addRange(ranges, range, firstRange);
      }
      for (let range = 0; range < ranges.count && this.#blocks < maxBlocks; range++) {
        this.#addRange(ranges, range, firstRange);
      }
    } else {
      this.#recentCount = 0;
    }
    return this.#blocks === 0 ? 0 : 4 + this.#blocks * SACK_BLOCK_BYTES;
  }

  write(buffer: Uint8Array, offset: number): void {
    writeSackHead(buffer, offset, this.#blocks);
    for (let i = 0; i < 2 * this.#blocks; i++) setInt32(buffer, offset + 4 + 4 * i, this.#edges[i]);
  }

  #addRange(ranges: RangeSet, index: number, firstRange: number): void {
    const start = ranges.start(index);
    for (let i = firstRange; i < this.#blocks; i++) if (this.#edges[2 * i] === start) return;
    this.#add(start, ranges.end(index));
  }

  #add(start: number, end: number): void {
    this.#edges[2 * this.#blocks] = start;
    this.#edges[2 * this.#blocks + 1] = end;
    this.#blocks++;
  }
}
