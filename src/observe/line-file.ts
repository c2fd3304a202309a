/** Lines in a file. Where more come than it takes they are dropped, and a line says how many. */

import { OutputFile, openOutputFile } from './output-file.ts';
import type { Log } from './log.ts';

const MAX_PENDING_BYTES = 1 << 20;

export interface LineFileOptions {
  /** As the user is told of it: `the audit`. */
  readonly what: string;
  /** Of the error where it can't be had. */
  readonly code: string;
  /** The line that says how many were dropped. */
  readonly dropped: (lines: number) => string;
  readonly log: Log;
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

/** Throws a UsageError of the code given. @param path a file that is added to, or made, the user's alone */
export async function openLineFile(
  path: string,
  { what, code, dropped, log }: LineFileOptions,
): Promise<LineFile> {
  const file = await openOutputFile(path, {
    what,
    code,
    flags: 'a',
    maxPendingBytes: MAX_PENDING_BYTES,
    log,
  });
  return new LineFile(file, dropped);
}
