/**
 * A file that lines are added to, while packets never wait for the disk.
 *
 * Lines wait in memory, as many as a bound allows. Past it they are dropped, and
 * a line says how many. The file is open from the start to the end: what becomes
 * of its name meanwhile changes nothing.
 */

import { promises as files, type WriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';

const MAX_PENDING_BYTES = 1 << 20;
/** Names and addresses of what was visited are the user's own affair. */
const FILE_MODE = 0o600;

export interface LineFileOptions {
  /** The line that says how many were dropped. */
  readonly dropped: (lines: number) => string;
  /** The disk takes no more, and what comes is lost. */
  readonly onFailed: (error: Error) => void;
}

export class LineFile {
  readonly #stream: WriteStream;
  readonly #options: LineFileOptions;
  #dropped = 0;
  /** Closed, or failed. */
  #over = false;

  constructor(stream: WriteStream, options: LineFileOptions) {
    this.#stream = stream;
    this.#options = options;
    stream.on('drain', () => this.#tellDropped());
    stream.on('error', (error) => {
      this.#over = true;
      options.onFailed(error);
    });
  }

  /** @param line called for the line where it is written, without its end */
  write(line: () => string): void {
    if (this.#over) return;
    if (this.#stream.writableLength >= MAX_PENDING_BYTES) this.#dropped += 1;
    else this.#stream.write(`${line()}\n`);
  }

  /** Writes what is left; what comes later is nobody's. */
  async close(): Promise<void> {
    if (this.#over) return;
    this.#over = true;
    this.#tellDropped();
    this.#stream.end();
    await finished(this.#stream).catch(() => {}); // told by the handler above
  }

  #tellDropped(): void {
    if (this.#dropped === 0) return;
    const dropped = this.#dropped;
    this.#dropped = 0;
    this.#stream.write(`${this.#options.dropped(dropped)}\n`);
  }
}

/** @param path a file that is added to, or made, the user's alone. @throws as open(2) */
export async function openLineFile(path: string): Promise<WriteStream> {
  const file = await files.open(path, 'a', FILE_MODE);
  return file.createWriteStream();
}
