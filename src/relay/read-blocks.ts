/**
 * Where remote streams read to: blocks that are used again.
 *
 * A chunk is lent to its receiver, who says later how much it still looks at.
 * With fresh memory for every read a download runs through megabytes that no
 * cache has, and the collector frees them when it likes. What is short is
 * copied out instead, since it would pin a block for its sake; a stream that is
 * quiet holds none.
 */

/** Of a stream that has not shown that it has more to give at once. */
const SMALL_BYTES = 16 << 10;
const LARGE_BYTES = 256 << 10;
/** What is left of a block and smaller than this is not read to. */
const LEAST_ROOM = SMALL_BYTES >> 1;
/** A chunk of up to so many bytes is copied. */
const COPIED_BYTES = 2 << 10;
/** Blocks of all streams that wait for their next use. */
const MAX_IDLE_BYTES = 8 << 20;

/** Of one stream. More than a receiver holds that tells what it is done with: what is older is another's, for good. */
const MAX_LENT_BYTES = 4 << 20;

/** Blocks nobody reads to or looks at. */
export class IdleBlocks {
  readonly #blocks = new Map<number, Uint8Array[]>([
    [SMALL_BYTES, []],
    [LARGE_BYTES, []],
  ]);
  #bytes = 0;

  take(size: number): Uint8Array {
    const block = this.#blocks.get(size)?.pop();
    if (block === undefined) return new Uint8Array(size);
    this.#bytes -= size;
    return block;
  }

  give(block: Uint8Array): void {
    if (this.#bytes + block.length > MAX_IDLE_BYTES) return;
    this.#bytes += block.length;
    this.#blocks.get(block.length)?.push(block);
  }
}

interface LentBlock {
  readonly block: Uint8Array;
  /** Where in the stream its last byte so far is. */
  end: number;
}

/** The blocks of one stream. */
export class ReadBlocks {
  readonly #idle: IdleBlocks;
  /** Those with chunks that may still be looked at, oldest first; the last may be the one that is read to. */
  readonly #lent: LentBlock[] = [];
  #lentBytes = 0;
  #size = SMALL_BYTES;
  #block: Uint8Array | undefined;
  /** Bytes of the block that are lent. */
  #used = 0;
  /** Bytes of the stream that were handed out. */
  #given = 0;

  constructor(idle: IdleBlocks) {
    this.#idle = idle;
  }

  /** Where in `block` to read to. */
  get offset(): number {
    return this.#used;
  }

  /** What to read to next. */
  get block(): Uint8Array {
    if (this.#block !== undefined && this.#block.length - this.#used >= LEAST_ROOM) return this.#block;
    this.#block = this.#idle.take(this.#size);
    this.#used = 0;
    return this.#block;
  }

  /** Bytes have been read to there. @returns them, for the receiver */
  took(length: number): Uint8Array {
    const { block, offset } = this;
    this.#given += length;
    this.#adapt(length, block.length - offset);
    const chunk = block.subarray(offset, offset + length);
    if (length <= COPIED_BYTES) return chunk.slice();
    this.#used += length;
    const last = this.#lent.at(-1);
    if (last?.block === block) last.end = this.#given;
    else this.#lend(block);
    return chunk;
  }

  /** Reads bytes that lie elsewhere. @param give gets them piece by piece, for the receiver */
  copy(bytes: Uint8Array, give: (chunk: Uint8Array) => void): void {
    if (bytes.length <= COPIED_BYTES) {
      this.#given += bytes.length;
      give(new Uint8Array(bytes)); // of a Buffer, `slice` is no copy
      return;
    }
    for (let at = 0; at < bytes.length; ) {
      const { block, offset } = this;
      const piece = bytes.subarray(at, at + block.length - offset);
      block.set(piece, offset);
      at += piece.length;
      give(this.took(piece.length));
    }
  }

  /** The receiver looks at nothing any more but the last `held` bytes that it got. */
  reclaim(held: number): void {
    const free = this.#given - held;
    while (this.#lent.length > 0 && this.#lent[0].end <= free) {
      const [{ block }] = this.#lent.splice(0, 1);
      this.#lentBytes -= block.length;
      if (block === this.#block && block.length === this.#size) {
        this.#used = 0;
        continue;
      }
      if (block === this.#block) this.#block = undefined;
      this.#idle.give(block);
    }
  }

  /** Nothing more is to be read for now: a block without lent bytes is somebody else's. */
  rest(): void {
    if (this.#block === undefined || this.#used > 0) return;
    this.#idle.give(this.#block);
    this.#block = undefined;
  }

  #lend(block: Uint8Array): void {
    this.#lent.push({ block, end: this.#given });
    this.#lentBytes += block.length;
    if (this.#lentBytes > MAX_LENT_BYTES) this.#lentBytes -= this.#lent.splice(0, 1)[0].block.length;
  }

  /** A stream that fills what it is given has more, and fewer reads are cheaper; one that has gone quiet may stay so. */
  #adapt(length: number, room: number): void {
    if (length === room) this.#size = LARGE_BYTES;
    else if (length < SMALL_BYTES / 4) this.#size = SMALL_BYTES;
  }
}
