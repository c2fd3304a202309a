/** Lines in a file. Where more come than it takes they are dropped, and a line says how many. */

import { type OpenOptions, openOutputFile, type OutputFile } from './output-file.ts';

const MAX_PENDING_BYTES = 1 << 20;

export interface LineFileOptions extends Pick<OpenOptions, 'what' | 'failed' | 'log'> {
  /** The line that says how many were dropped. */
  readonly dropped: (lines: number) => string;
}

export class LineFile {
  readonly #file: OutputFile;
  readonly #droppedLine: (lines: number) => string;
  #dropped = 0;

  constructor(file: OutputFile, droppedLine: (lines: number) => string) {
    this.#file = file;
    this.#droppedLine = droppedLine;
    file.onDrain = () => this.#tellDropped();
  }

  /** @param line called for the line where it is written, without its end */
  write(line: () => string): void {
    if (this.#file.hasRoom) this.#file.write(`${line()}\n`);
    else this.#dropped += 1;
  }

  /** Writes what is left; what comes later is nobody's. */
  close(): Promise<void> {
    this.#tellDropped();
    return this.#file.close();
  }

  #tellDropped(): void {
    if (this.#dropped === 0) return;
    const dropped = this.#dropped;
    this.#dropped = 0;
    this.#file.write(`${this.#droppedLine(dropped)}\n`);
  }
}

/** Throws the error that `failed` makes. @param path a file that is added to, or made, the user's alone */
export async function openLineFile(
  path: string,
  { dropped, ...options }: LineFileOptions,
): Promise<LineFile> {
  const file = await openOutputFile(path, {
    ...options,
    flags: 'a',
    maxPendingBytes: MAX_PENDING_BYTES,
  });
  return new LineFile(file, dropped);
}
