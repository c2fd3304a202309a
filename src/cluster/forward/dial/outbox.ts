/**
 * What the near side has written: bytes that wait for a stream, and a copy of the first ones.
 *
 * As long as the pod has not answered, a dial that turns out to have failed
 * proves that nobody has read what was written, so it can be told to another
 * pod. The copy is bounded; once more than that was written, it is given up,
 * and with it the second chance.
 */
import type { PodStream } from '../transport.ts';

export class Outbox {
  readonly #limit: number;
  #stream: PodStream | undefined;
  readonly #waiting: { chunk: Uint8Array; done: () => void }[] = [];
  #copies: Uint8Array[] | undefined = [];
  #sentBytes = 0;

  constructor(replayBytes: number) {
    this.#limit = replayBytes;
  }

  /** Whether all that was sent could be sent again. */
  get replayable(): boolean {
    return this.#copies !== undefined;
  }

  get sentBytes(): number {
    return this.#sentBytes;
  }

  write(chunk: Uint8Array, done: () => void): void {
    if (!this.#stream) {
      this.#waiting.push({ chunk, done });
      return;
    }
    this.#sentBytes += chunk.length;
    if (this.#copies) {
      if (this.#sentBytes <= this.#limit) this.#copies.push(chunk.slice());
      else this.#copies = undefined;
    }
    this.#stream.write(chunk, done);
  }

  /** The stream takes writes from now on: first what an earlier one took in vain, then what waits. */
  attach(stream: PodStream): void {
    this.#stream = stream;
    for (const copy of this.#copies ?? []) stream.write(copy, ignore);
    for (const { chunk, done } of this.#waiting.splice(0)) this.write(chunk, done);
  }

  detach(): void {
    this.#stream = undefined;
  }

  /** The pod has answered: what was written has a reader. */
  forgetCopies(): void {
    this.#copies = undefined;
  }

  /** Completes what waits; nothing will take it any more. */
  discard(): void {
    this.#stream = undefined;
    this.#copies = undefined;
    for (const { done } of this.#waiting.splice(0)) queueMicrotask(done);
  }
}

function ignore(): void {}
