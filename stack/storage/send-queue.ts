/**
 * What an application wrote and the peer has not acknowledged, by reference.
 *
 * A ring of chunks with two places in it: the head (the first byte not
 * acknowledged) and the cursor (the first byte never sent). New segments are
 * gathered at the cursor without a search; a retransmission counts its way from
 * the head.
 */
import { MAX_FRAME_PIECES, type OutgoingFrame } from '../device.ts';

const FIRST_CAPACITY = 8;

export class SendQueue {
  /** A ring whose size is a power of two. */
  #chunks: (Uint8Array | null)[] = [];
  #head = 0;
  #count = 0;
  /** Into the first chunk. */
  #headOffset = 0;
  /** Chunks between the head's and the cursor's, and the offset into the latter. */
  #cursorChunk = 0;
  #cursorOffset = 0;
  #bytes = 0;
  #sent = 0;

  /** All bytes not acknowledged. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Those of them that were sent at least once. */
  get sentBytes(): number {
    return this.#sent;
  }

  get chunks(): number {
    return this.#count;
  }

  push(chunk: Uint8Array): void {
    if (this.#count === this.#chunks.length) this.#grow();
    this.#chunks[(this.#head + this.#count) & (this.#chunks.length - 1)] = chunk;
    this.#count++;
    this.#bytes += chunk.length;
  }

  /** The peer has the first `length` bytes; they have all been sent. */
  acknowledge(length: number): void {
    if (length > this.#sent) throw new Error('bytes acknowledged that were never sent');
    this.#bytes -= length;
    this.#sent -= length;
    let offset = this.#headOffset + length;
    const mask = this.#chunks.length - 1;
    while (this.#count > 0) {
      const chunk = this.#chunks[this.#head];
      if (chunk === null || offset < chunk.length) break;
      offset -= chunk.length;
      this.#chunks[this.#head] = null;
      this.#head = (this.#head + 1) & mask;
      this.#count--;
      // A chunk sent to its end is behind the cursor, so the cursor's own is never taken.
      this.#cursorChunk--;
    }
    this.#headOffset = offset;
  }

  /** Puts up to `length` bytes never sent into the frame. @returns how many fitted its pieces */
  gatherUnsent(frame: OutgoingFrame, length: number): number {
    return this.#gather(
      frame,
      this.#cursorChunk,
      this.#cursorOffset,
      Math.min(length, this.#bytes - this.#sent),
    );
  }

  /** The same of bytes sent before, from `offset` bytes past the first not acknowledged. */
  gatherSent(frame: OutgoingFrame, offset: number, length: number): number {
    if (offset >= this.#sent) {
      frame.pieceCount = 0;
      return 0;
    }
    const mask = this.#chunks.length - 1;
    let index = 0;
    let within = this.#headOffset + offset;
    let chunk = this.#chunks[this.#head];
    while (chunk !== null && chunk !== undefined && within >= chunk.length) {
      within -= chunk.length;
      index++;
      chunk = this.#chunks[(this.#head + index) & mask];
    }
    return this.#gather(frame, index, within, Math.min(length, this.#sent - offset));
  }

  /** The next `length` bytes have been sent. */
  advance(length: number): void {
    this.#sent += length;
    let offset = this.#cursorOffset + length;
    const mask = this.#chunks.length - 1;
    while (this.#cursorChunk < this.#count) {
      const chunk = this.#chunks[(this.#head + this.#cursorChunk) & mask];
      if (chunk === null || offset < chunk.length) break;
      offset -= chunk.length;
      this.#cursorChunk++;
    }
    this.#cursorOffset = offset;
  }

  clear(): void {
    this.#chunks = [];
    this.#head = 0;
    this.#count = 0;
    this.#headOffset = 0;
    this.#cursorChunk = 0;
    this.#cursorOffset = 0;
    this.#bytes = 0;
    this.#sent = 0;
  }

  #gather(frame: OutgoingFrame, chunkIndex: number, chunkOffset: number, length: number): number {
    const mask = this.#chunks.length - 1;
    let index = chunkIndex;
    let offset = chunkOffset;
    let left = length;
    let pieces = 0;
    while (left > 0 && pieces < MAX_FRAME_PIECES) {
      const chunk = this.#chunks[(this.#head + index) & mask];
      if (chunk === null) break;
      const part = Math.min(left, chunk.length - offset);
      frame.pieces[pieces] = chunk;
      frame.pieceOffset[pieces] = offset;
      frame.pieceLength[pieces] = part;
      pieces++;
      left -= part;
      index++;
      offset = 0;
    }
    frame.pieceCount = pieces;
    return length - left;
  }

  #grow(): void {
    const old = this.#chunks;
    const grown: (Uint8Array | null)[] = [];
    for (let i = 0; i < Math.max(FIRST_CAPACITY, old.length * 2); i++) {
      grown.push(i < this.#count ? old[(this.#head + i) & (old.length - 1)] : null);
    }
    this.#chunks = grown;
    this.#head = 0;
  }
}
