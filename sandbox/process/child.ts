/**
 * A program of ours as a child process, whatever keeps it from being started.
 *
 * Node tells of that in three ways: by an event, by an exception, or by an
 * object without streams. Here it is one: the child has "ended", and why is
 * told. Its pipes are there in any case, and their errors are nobody's: that
 * their other end is gone shows by the child's end.
 *
 * This is on the way of every start, so Node's own spawn is all there is to it.
 */

import { type ChildProcess, spawn, type SpawnOptions } from 'node:child_process';
import { Duplex, PassThrough } from 'node:stream';

export interface ChildOptions extends Pick<SpawnOptions, 'env'> {
  /** By their numbers in the child: a pipe to us, or an open file of ours. */
  readonly stdio: readonly ('ignore' | 'inherit' | 'pipe' | number)[];
}

export interface ChildEnd {
  /** Undefined where a signal ended it, or it never was. */
  readonly exitCode: number | undefined;
  readonly signal: NodeJS.Signals | undefined;
  /** Why it could not be started. */
  readonly failure: string | undefined;
}

export class Child {
  /** Settles when it has ended, and whoever else held its pipes. */
  readonly ended: Promise<ChildEnd>;
  /** Settles when it has ended itself, with the signal that did it; never where it could not be started. */
  readonly exited: Promise<NodeJS.Signals | null>;
  readonly #process: ChildProcess | undefined;
  readonly #pipes = new Map<number, Duplex>();

  constructor(file: string, args: readonly string[], { stdio, env }: ChildOptions) {
    let child: ChildProcess | undefined;
    let failure: unknown;
    try {
      child = spawn(file, args, { stdio: [...stdio], cwd: '/', ...(env && { env }) });
    } catch (error) {
      failure = error; // E2BIG, and whatever else Node throws
    }
    this.#process = child;
    const streams: readonly unknown[] = child?.stdio ?? []; // none where no pipe could be opened
    for (const [number, kind] of stdio.entries()) {
      if (kind !== 'pipe') continue;
      const stream = streams[number];
      this.#pipes.set(
        number,
        (stream instanceof Duplex ? stream : noPipe()).on('error', () => {}),
      );
    }
    this.exited = new Promise((resolve) => child?.once('exit', (_, signal) => resolve(signal)));
    this.ended = new Promise((resolve) => {
      const failed = (error: unknown) => {
        const reason = error instanceof Error ? error.message : String(error);
        resolve({ exitCode: undefined, signal: undefined, failure: reason });
      };
      child?.once('error', failed);
      child?.once('close', (code, signal) =>
        resolve({ exitCode: code ?? undefined, signal: signal ?? undefined, failure: undefined }),
      );
      if (child === undefined) failed(failure);
    });
  }

  /** Node's pipes to a child are sockets, open both ways. */
  pipe(number: number): Duplex {
    const pipe = this.#pipes.get(number);
    if (pipe === undefined) throw new RangeError(`the child has no pipe ${number}`);
    return pipe;
  }

  /** Ends it, and waits no longer for who else holds its pipes. */
  kill(): void {
    this.#process?.kill('SIGKILL');
    for (const pipe of this.#pipes.values()) pipe.destroy();
  }
}

/** Of a child that was never started: it takes what is written, and is at its end. */
function noPipe(): Duplex {
  const pipe = new PassThrough();
  pipe.destroy();
  return pipe;
}
