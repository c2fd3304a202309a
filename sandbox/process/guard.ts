/**
 * The processes of a sandbox, from outside: kns-stub as guard, bubblewrap
 * below it, and kns-stub as init inside, which reads the command from a pipe
 * and starts it.
 *
 * Each of the two has a channel of its own. The guard's end is the sandbox's
 * end, and it is asked which signals went to the whole process group. Init says
 * that the sandbox stands, waits for the byte on which the command starts, and
 * tells when the command has stopped.
 *
 * A further command of a sandbox that stands has a guard and an init of its own,
 * and kns-stub join in place of bubblewrap (../join/join.ts).
 *
 * bubblewrap's complaints go to a pipe, and not to the terminal: they become
 * part of an error. Init puts the caller's stderr back.
 */

import { closeSync, fstatSync, openSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { parseChildPid } from '../bwrap.ts';
import { Channel, ChannelClosed } from '../channel.ts';
import type { Native } from '../native/addon.ts';
import { type CallerState, UNKNOWN_CALLER } from './caller.ts';
import { Child } from './child.ts';
import { endHolders } from './orphans.ts';

/** Kept of what bubblewrap says; a complaint is one line. */
const MAX_COMPLAINT = 4096;

/** The byte on which the command starts, by the process group that it starts in; kns-stub takes no other (native/stub/command.c). */
const GO = { shared: 'G', own: 'L', foreground: 'F' } as const;

/** The host's process group; one that the command leads; and that in the foreground of the terminal. */
export type StartingGroup = keyof typeof GO;

/** Signals end a process with this and their number added, as shells count. */
const SIGNALLED = 128;
const SIGKILL = 9;

/** The fds of the guard, bubblewrap and init, beside the standard three. */
export const FD = {
  stderr: 3,
  info: 4,
  block: 5,
  command: 6,
  control: 7,
  guard: 8,
  init: 9,
  inherited: 10,
} as const;

/** Init by its open file: where it is installed may be hidden from the command. */
const INIT = `/proc/self/fd/${FD.init}`;

/** The guard answers at once. One that does not is stopped, or hangs, and is not asked again. */
const ANSWER_TIMEOUT_MS = 1_000;

export interface CommandEnd {
  /** The command's exit code, 128+n where signal n killed it, 126 or 127 where it could not be run. */
  readonly code: number;
  /** The number of that signal, where it is known. */
  readonly signal?: number;
}

export interface CommandOptions {
  readonly command: readonly (string | Uint8Array)[];
  readonly cwd: Uint8Array;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly caller: CallerState | undefined;
  /** Open files of ours that the command gets under the same numbers. */
  readonly fds: readonly number[];
  /**
   * What becomes of what the command leaves running: it ends; or, where that shares the host's pids, it may stay;
   * or it belongs to a sandbox that stands, and stays in that.
   */
  readonly after: 'end' | 'leave' | 'join';
  /** The program that makes the namespaces, or joins them, and its arguments but for what it runs. */
  readonly entry: readonly [string, ...string[]];
  /** A directory that this process has locked: the guard removes it where this process is killed. */
  readonly locked?: string;
  /** Open files for that program alone, from `firstEntryFd` on. */
  readonly entryFds?: readonly number[];
}

/** Behind those of the command. */
export function firstEntryFd(fds: readonly number[]): number {
  return FD.inherited + fds.length;
}

function initArguments(options: CommandOptions): string[] {
  const { openFiles, ignoredSignals } = options.caller ?? UNKNOWN_CALLER;
  return [
    INIT,
    'init',
    String(FD.init),
    String(FD.control),
    String(FD.stderr),
    String(FD.command),
    String(FD.inherited),
    options.fds.join(',') || '-',
    String(openFiles ?? '-'),
    ignoredSignals.toString(16),
  ];
}

/** A name that is no UTF-8 has been replaced in the environment, and not in the working directory. */
function pwdWord(cwd: Uint8Array, pwd: string | undefined): Uint8Array {
  if (pwd === undefined) return Buffer.from('-');
  return Buffer.concat([Buffer.from('='), pwd === Buffer.from(cwd).toString() ? cwd : Buffer.from(pwd)]);
}

/** As kns-stub reads it (native/stub/arguments.c): each word ends with a NUL, so that none may hold one. */
function encodeCommand({ command, cwd, env }: CommandOptions): Uint8Array {
  const end = Buffer.of(0);
  const words = [cwd, pwdWord(cwd, env['PWD']), ...command.map((argument) => Buffer.from(argument))];
  if (words.some((word) => word.includes(0)))
    throw new TypeError('an argument of a command can not hold a NUL');
  return Buffer.concat(words.flatMap((word) => [word, end]));
}

export class Guard {
  /** To init inside: that of the sandbox, or of the joined command. */
  readonly control: Channel;
  /** Settles when the guard itself has ended, or was never there. Where it was killed, the rest is about to end. */
  readonly gone: Promise<unknown>;
  /** Settles when every process of the sandbox has ended, or is about to because the guard was killed. */
  readonly exited: Promise<CommandEnd>;
  readonly childPid: Promise<number>;
  /** What bubblewrap complained of. */
  complaint = '';
  /** Why the guard could not be started; known once it has "exited". */
  spawnFailure: string | undefined;
  readonly #channel: Channel;
  readonly #block: Writable;
  readonly #kill: () => void;
  readonly #ending = new AbortController();
  #answers = true;
  /** As init has told it: bubblewrap or the guard may not live to do so. */
  #commandEnd: CommandEnd | undefined;

  constructor(native: Native, options: CommandOptions) {
    const command = encodeCommand(options);
    this.control = new Channel(native.api);
    this.#channel = new Channel(native.api);
    const { fds, after, entry, entryFds = [], locked: removed = '-' } = options;
    const args = ['guard', String(FD.guard), after, removed, ...entry, '--', ...initArguments(options)];
    const init = openSync(native.stub, 'r');
    const { ino: controlInode } = fstatSync(this.control.peer);
    const standard = ['inherit', 'inherit', 'pipe', 2, 'pipe', 'pipe', 'pipe'] as const;
    const child = new Child(native.stub, args, {
      stdio: [...standard, this.control.peer, this.#channel.peer, init, ...fds, ...entryFds],
      env: { ...options.env },
    });
    closeSync(init);
    this.control.closePeer();
    this.#channel.closePeer();
    this.#kill = () => child.kill();
    this.exited = child.ended.then(({ exitCode, failure }) => {
      this.spawnFailure = failure;
      return this.#commandEnd ?? { code: exitCode ?? SIGNALLED + SIGKILL };
    });
    const endOrphans = (signal: NodeJS.Signals | null): void => {
      // What joins is no bubblewrap: its init has commands to end first, and sees our end of the channel.
      if (signal !== null && after !== 'join') endHolders(native.api, FD.control, controlInode);
    };
    void child.exited.then(endOrphans);
    // Its pipes end when the last who holds them does; and one that never was has not exited.
    this.gone = Promise.race([this.exited, child.exited]);
    this.#block = child.pipe(FD.block);
    child.pipe(FD.command).end(command);
    this.childPid = readChildPid(child.pipe(FD.info));
    child
      .pipe(2)
      .setEncoding('utf8')
      .on('data', (text: string) => {
        this.complaint = (this.complaint + text).slice(0, MAX_COMPLAINT);
      });
  }

  /** Lets bubblewrap run init. */
  unblock(): void {
    this.#block.end('1');
  }

  /** Lets init run the command. */
  go(group: StartingGroup): void {
    this.control.send(GO[group]);
  }

  /** Hears what init tells of the command, and calls back with the signal whenever one has stopped it. */
  async watchCommand(onStopped: (signo: number) => void): Promise<void> {
    try {
      for (;;) {
        const { bytes } = await this.control.receive(this.#ending.signal);
        const [what, number] = Buffer.from(bytes).toString().split(' ');
        if (what === 'stopped') onStopped(Number(number));
        if (what === 'ended') this.#commandEnd = { code: Number(number) };
        if (what === 'killed')
          this.#commandEnd = { code: SIGNALLED + Number(number), signal: Number(number) };
      }
    } catch (error) {
      if (!(error instanceof ChannelClosed) && !this.#ending.signal.aborted) throw error;
    }
  }

  /** Whether a signal from this sender, which has reached us, went to our whole process group. One question at a time. */
  async wasForGroup(signo: number, senderPid: number): Promise<boolean> {
    if (!this.#answers) return false;
    try {
      this.#channel.send(`${signo} ${senderPid}`);
      const limit = AbortSignal.any([this.#ending.signal, AbortSignal.timeout(ANSWER_TIMEOUT_MS)]);
      const { bytes } = await this.#channel.receive(limit);
      return Buffer.from(bytes).toString() === 'group';
    } catch {
      // A late answer would be taken for that of the next question.
      this.#answers = false;
      return false;
    }
  }

  /**
   * Ends every process of the sandbox: the guard sees our end of its channel
   * closed. Where the guard was killed, bubblewrap's child was ended with it
   * (orphans.ts). One that could not be looked into goes on at the end of its
   * block-fd, and init ends without a host.
   */
  end(): void {
    this.#ending.abort();
    this.#block.destroy();
    this.#part();
    this.control.close();
  }

  /** Lets go of the guard, alive and well. */
  #part(): void {
    try {
      this.#channel.send('bye');
    } catch (error) {
      if (!(error instanceof ChannelClosed)) throw error; // a guard that has ended needs no farewell
    }
    this.#channel.close();
  }

  /** For a guard that does not do its work. What it guards dies with it by PR_SET_PDEATHSIG, and is not waited for. */
  kill(): void {
    this.#kill();
  }
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
