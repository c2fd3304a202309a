/**
 * Cuts a stream of bytes into lines, as they come.
 *
 * A watch is JSON objects, one a line. Each byte is looked at once: what is
 * left over of a chunk is kept as it is, and joined when its line ends. A line
 * is bounded, since what has no end would fill the memory.
 */
const LINE_FEED = 0x0a;

export class LineSplitter {
  readonly #maxBytes: number;
  readonly #onLine: (line: string) => void;
  #parts: Uint8Array[] = [];
  #kept = 0;

  constructor(maxBytes: number, onLine: (line: string) => void) {
    this.#maxBytes = maxBytes;
    this.#onLine = onLine;
  }

  /** @throws where a line is longer than the bound. */
  push(chunk: Uint8Array): void {
    let start = 0;
    for (;;) {
      const end = chunk.indexOf(LINE_FEED, start);
      if (end < 0) break;
      this.#keep(chunk.subarray(start, end));
      start = end + 1;
      this.#emit();
    }
    if (start < chunk.length) this.#keep(chunk.subarray(start));
  }

  #keep(part: Uint8Array): void {
    this.#kept += part.length;
    if (this.#kept > this.#maxBytes) throw new Error(`a line of more than ${this.#maxBytes} bytes`);
    this.#parts.push(part);
  }

  #emit(): void {
    const line = Buffer.concat(this.#parts, this.#kept).toString();
    this.#parts = [];
    this.#kept = 0;
    if (line.trim() !== '') this.#onLine(line);
  }
}
