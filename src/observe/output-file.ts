/**
 * A file that is written beside packets, which never wait for it.
 *
 * What it has not taken yet waits in memory, as much as a bound allows. It is
 * open from the start to the end: what becomes of its name meanwhile changes
 * nothing. A named pipe (fifo(7)) does as well; it is written to without waiting, as
 * a thread that waits in open(2) or write(2) for its reader could not be ended.
 */

import { constants, promises as files, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { finished, type Writable } from 'node:stream';
import type { UsageError } from '../errors.ts';
import { monotonicMs } from '../monotonic.ts';
import { codeOf } from '../system-error.ts';
import type { Log } from './log.ts';

/** Names and addresses of what was visited are the user's own affair. */
const FILE_MODE = 0o600;

/** For the reader of a named pipe, which may have been started beside us, to open it. */
const READER_WAIT_MS = 10_000;
const READER_LOOK_MS = 50;

/** For a reader to take the last of it. */
const LAST_BYTES_WAIT_MS = 5_000;

export interface OutputFileOptions {
  /** As the user is told of it: `the audit`. */
  readonly what: string;
  /** What may wait in memory, in bytes. */
  readonly maxPendingBytes: number;
  readonly log: Log;
}

export interface OpenOptions extends OutputFileOptions {
  /** The error where it can't be had. */
  readonly failed: (message: string, remedy: string) => UsageError;
  /** `a`: what is there already stays; `w`: it is replaced. */
  readonly flags: 'a' | 'w';
}

export class OutputFile {
  /** Called once all that waited has been taken. */
  onDrain: () => void = () => {};
  readonly #stream: Writable;
  readonly #options: OutputFileOptions;
  #over = false;

  constructor(stream: Writable, options: OutputFileOptions) {
    this.#stream = stream;
    this.#options = options;
    stream.on('drain', () => this.onDrain());
    stream.on('error', ({ message }) => {
      if (!this.#over) options.log.warn(`${options.what} ends here: ${message}`);
      this.#over = true;
    });
  }

  /** Closed, or failed. */
  get isOver(): boolean {
    return this.#over;
  }

  /** Whether a write will be taken: neither does too much wait, nor is it over. */
  get hasRoom(): boolean {
    return !this.#over && this.#stream.writableLength < this.#options.maxPendingBytes;
  }

  /** Beyond all room as well; nothing once it is over. */
  write(chunk: string | Uint8Array): void {
    if (!this.#over) this.#stream.write(chunk);
  }

  /** Writes what is left; what comes later is nobody's. */
  async close(): Promise<void> {
    if (this.#over) return;
    const { what, log } = this.#options;
    await new Promise<void>((resolve) => {
      const late = setTimeout(() => {
        log.warn(`the end of ${what} is lost: it was not taken within ${LAST_BYTES_WAIT_MS / 1000} s`);
        resolve();
      }, LAST_BYTES_WAIT_MS);
      // A write that fails closes it as well.
      finished(this.#stream, () => {
        clearTimeout(late);
        resolve();
      });
      this.#stream.end();
    });
    this.#over = true;
    this.#stream.destroy();
  }
}

/** Throws the error that `failed` makes. */
export async function openOutputFile(path: string, options: OpenOptions): Promise<OutputFile> {
  const isPipe = await isNamedPipe(path);
  try {
    const stream = isPipe ? await openNamedPipe(path) : await openFile(path, options.flags);
    return new OutputFile(stream, options);
  } catch (error) {
    const isUnread = isPipe && codeOf(error) === 'ENXIO';
    const why = error instanceof Error ? error.message : String(error);
    throw options.failed(
      `${options.what} can't be written: ${isUnread ? `nobody reads ${path}` : why}`,
      isUnread ? 'start its reader first' : 'name a file that you may write, in a folder that is there',
    );
  }
}

async function openFile(path: string, flags: 'a' | 'w'): Promise<Writable> {
  const file = await files.open(path, flags, FILE_MODE);
  if (flags === 'w') {
    const stats = await file.stat();
    // One that was there may have been for others to read. A device, and what is another's, is none of ours.
    if (stats.isFile() && stats.uid === process.getuid?.()) await file.chmod(FILE_MODE);
  }
  return file.createWriteStream();
}

async function isNamedPipe(path: string): Promise<boolean> {
  try {
    return (await files.stat(path)).isFIFO();
  } catch {
    return false; // It is made, or open(2) says why not.
  }
}

/** Waits for its reader, by looking: nothing tells of another's open(2). */
async function openNamedPipe(path: string): Promise<Writable> {
  const deadline = monotonicMs() + READER_WAIT_MS;
  for (;;) {
    try {
      const fd = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
      return new Socket({ fd, readable: false });
    } catch (error) {
      if (codeOf(error) !== 'ENXIO' || monotonicMs() >= deadline) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, READER_LOOK_MS));
  }
}
