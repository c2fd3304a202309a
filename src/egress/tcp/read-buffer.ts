/**
 * Where a socket reads to: a buffer that is used up before the next one is made.
 *
 * Node gives each read 64 KiB of its own, of which a small chunk leaves most
 * unused. Here chunks lie one behind the other, and belong to who gets them: the
 * memory goes when all of them have gone. A connection that fills its buffers
 * gets larger ones, for then the kernel has more to give at once: that saves a
 * quarter of the time a bulk transfer takes. At the first small chunk it has a
 * small one again.
 */

import type { OnReadOpts } from 'node:net';

/** A quiet connection keeps one of these. */
const FIRST_BYTES = 16 << 10;
const LARGEST_BYTES = 256 << 10;
/** What is left of a buffer and smaller than this is not read to. */
const LEAST_ROOM = 4 << 10;

export class ReadBuffer {
  readonly #onChunk: (chunk: Uint8Array) => void;
  #size = FIRST_BYTES;
  #buffer: Uint8Array | undefined;
  #used = 0;
  #attached = false;

  constructor(onChunk: (chunk: Uint8Array) => void) {
    this.#onChunk = onChunk;
  }

  /** Whether a socket reads to it. */
  get attached(): boolean {
    return this.#attached;
  }

  /** For the one socket that is to read to it. */
  attach(): OnReadOpts {
    this.#attached = true;
    return {
      buffer: () => this.#room(),
      callback: (length, buffer) => {
        this.#used += length;
        if (length === buffer.length) this.#size = Math.min(this.#size * 2, LARGEST_BYTES);
        else if (length < buffer.length / 4) this.#size = FIRST_BYTES;
        this.#onChunk(buffer.subarray(0, length));
        return true;
      },
    };
  }

  #room(): Uint8Array {
    const left = (this.#buffer?.length ?? 0) - this.#used;
    // One that is far too large goes at once: a connection that is quiet now may stay so.
    if (this.#buffer === undefined || left < LEAST_ROOM || left > this.#size) {
      this.#buffer = Buffer.allocUnsafeSlow(this.#size);
      this.#used = 0;
    }
    return this.#buffer.subarray(this.#used);
  }
}
