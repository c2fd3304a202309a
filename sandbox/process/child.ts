/**
 * A program of ours as a child process, whatever keeps it from being started.
 *
 * One that could not be started has "ended", and why is told. Its pipes are there
 * in any case, and their errors are nobody's: that their other end is gone shows
 * by the child's end.
 */

import { Duplex } from 'node:stream';
import { execa } from 'execa';

type Standard = 'ignore' | 'inherit' | 'pipe';

export interface ChildOptions {
  /** By their numbers in the child: a pipe to us, or an open file of ours. */
  readonly stdio: readonly [Standard, Standard, Standard, ...(Standard | number)[]];
  /** All of it; without, the child has ours. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

export interface ChildEnd {
  /** Undefined where a signal ended it, or it never was. */
  readonly exitCode: number | undefined;
  readonly signal: NodeJS.Signals | undefined;
  /** Why it could not be started. */
  readonly failure: string | undefined;
}

type Subprocess = ReturnType<typeof start>;

export class Child {
  /** Settles when it has ended, and whoever else held its pipes. */
  readonly ended: Promise<ChildEnd>;
  /** Settles when it has ended itself, with the signal that did it; never where it could not be started. */
  readonly exited: Promise<NodeJS.Signals | null>;
  readonly #subprocess: Subprocess;

  constructor(file: string, args: readonly string[], options: ChildOptions) {
    const subprocess = start(file, args, options);
    this.#subprocess = subprocess;
    for (const stream of subprocess.stdio) stream?.on('error', () => {});
    this.exited = new Promise((resolve) => subprocess.once('exit', (_, signal) => resolve(signal)));
    this.ended = subprocess.then(({ exitCode, signal, code, originalMessage }) => {
      const failure = subprocess.pid === undefined ? (originalMessage ?? code ?? 'unknown error') : undefined;
      return { exitCode, signal, failure };
    });
  }

  /** Node's pipes to a child are sockets, open both ways. */
  pipe(number: number): Duplex {
    const streams: readonly unknown[] = this.#subprocess.stdio;
    const pipe = streams[number];
    if (pipe instanceof Duplex) return pipe;
    throw new RangeError(`the child has no pipe ${number}`);
  }

  /** Ends it, and waits no longer for who else holds its pipes. */
  kill(): void {
    this.#subprocess.kill('SIGKILL');
    for (const stream of this.#subprocess.stdio) stream?.destroy();
  }
}

function start(file: string, args: readonly string[], { stdio, env }: ChildOptions) {
  const [stdin, stdout, stderr, ...more] = stdio;
  return execa(file, args, {
    stdio: [stdin, stdout, stderr, ...more.map(listed)],
    ...(env && { env, extendEnv: false }),
    cwd: '/',
    buffer: false,
    cleanup: false,
    reject: false,
  });
}

/** An fd as execa's `stdio` takes it: its types list a few numbers only, but any fd is passed on as it is. */
function listed(file: Standard | number): Standard | 3 {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- see above
  return file as Standard | 3;
}
