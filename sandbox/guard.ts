/**
 * The processes of a sandbox, from outside: kns-stub as guard, bubblewrap
 * below it, and the command's stub inside, which speaks on the control channel
 * and reads the command from a pipe.
 *
 * bubblewrap's complaints go to a pipe, and not to the terminal: they become
 * part of an error. The command's stub puts the caller's stderr back.
 */

import { Duplex, type Readable, type Writable } from 'node:stream';
import { execa } from 'execa';
import { bwrapArguments, FD, parseChildPid } from './bwrap.ts';
import { type CallerState, UNKNOWN_CALLER } from './caller.ts';
import { Channel, inherited } from './channel.ts';
import type { Native } from './native/addon.ts';

/** Kept of what bubblewrap says; a complaint is one line. */
const MAX_COMPLAINT = 4096;

/** The byte on which the command starts; kns-stub takes no other (native/stub/command.c). */
const GO = 'G';

/** Signals end a process with this and their number added, as shells count. */
const SIGNALLED = 128;
const SIGKILL = 9;

export interface CommandOptions {
  readonly command: readonly (string | Uint8Array)[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly caller: CallerState | undefined;
}

export interface GuardExit {
  readonly code: number;
}

function stubArguments(stub: string, options: CommandOptions): string[] {
  const { openFiles, ignoredSignals } = options.caller ?? UNKNOWN_CALLER;
  const pwd = options.env['PWD'];
  return [
    stub,
    'command',
    String(FD.control),
    String(FD.stderr),
    String(FD.command),
    String(openFiles ?? '-'),
    ignoredSignals.toString(16),
    options.cwd,
    pwd === undefined ? '-' : `=${pwd}`,
  ];
}

/** As kns-stub reads it: each argument ends with a NUL, so that none may hold one. */
function encodeCommand(command: readonly (string | Uint8Array)[]): Uint8Array {
  const end = Buffer.of(0);
  const encoded = command.map((argument) => Buffer.from(argument));
  if (encoded.some((argument) => argument.includes(0)))
    throw new TypeError('an argument of a command can not hold a NUL');
  return Buffer.concat(encoded.flatMap((argument) => [argument, end]));
}

export class Guard {
  readonly control: Channel;
  /** Ends when every process of the sandbox has ended. */
  readonly exited: Promise<GuardExit>;
  readonly childPid: Promise<number>;
  /** What bubblewrap complained of. */
  complaint = '';
  /** Why the guard could not be started; known once it has "exited". */
  spawnFailure: string | undefined;
  readonly #block: Writable;
  readonly #kill: () => void;

  constructor(native: Native, bwrap: string, options: CommandOptions) {
    const command = encodeCommand(options.command);
    this.control = new Channel(native.api);
    const inner = bwrapArguments(stubArguments(native.stub, options));
    const subprocess = execa(native.stub, ['guard', String(FD.control), bwrap, ...inner], {
      stdio: ['inherit', 'inherit', 'pipe', 2, 'pipe', 'pipe', 'pipe', inherited(this.control.peer)],
      env: { ...options.env },
      extendEnv: false,
      cwd: '/',
      buffer: false,
      cleanup: false,
      reject: false,
    });
    this.control.closePeer();
    this.#kill = () => subprocess.kill('SIGKILL');
    this.exited = subprocess.then(({ exitCode, code, originalMessage }) => {
      if (subprocess.pid === undefined) this.spawnFailure = originalMessage ?? code ?? 'unknown error';
      return { code: exitCode ?? SIGNALLED + SIGKILL };
    });
    const streams: readonly unknown[] = subprocess.stdio;
    // A bubblewrap that is gone before it reads: its exit tells.
    this.#block = pipe(streams[FD.block]).on('error', () => {});
    pipe(streams[FD.command])
      .on('error', () => {})
      .end(command);
    this.childPid = readChildPid(pipe(streams[FD.info]));
    subprocess.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.complaint = (this.complaint + text).slice(0, MAX_COMPLAINT);
    });
  }

  /** Lets bubblewrap run the command's stub. */
  unblock(): void {
    this.#block.end('1');
  }

  /** Lets the stub run the command. */
  go(): void {
    this.control.send(GO);
  }

  /** Ends every process of the sandbox: the guard sees our end of the channel closed. */
  end(): void {
    this.control.close();
  }

  /** For a guard that does not do its work. What it guards dies with it by PR_SET_PDEATHSIG. */
  kill(): void {
    this.#kill();
  }
}

/** Node's pipes to a child are sockets, open both ways. */
function pipe(stream: unknown): Duplex {
  if (stream instanceof Duplex) return stream;
  throw new TypeError('a pipe was expected');
}

/** Settles when bubblewrap has named its child. One that fails before never does: its exit tells. */
function readChildPid(info: Readable): Promise<number> {
  return new Promise((resolve) => {
    let text = '';
    info.setEncoding('utf8').on('data', (chunk: string) => {
      text = (text + chunk).slice(0, MAX_COMPLAINT);
      const pid = parseChildPid(text);
      if (pid !== undefined) resolve(pid);
    });
  });
}
