/**
 * A fuzzer's program: bytes, read one by one as choices. What is past its end is
 * 0, so that every program may be cut short or spliced and still means something.
 */
export class Program {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get ended(): boolean {
    return this.#at >= this.#bytes.length;
  }

  below(limit: number): number {
    return (this.#bytes[this.#at++] ?? 0) % limit;
  }

  from<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)];
  }
}
