/**
 * Starts a command in a sandbox of its own, with one network interface that
 * this process drives.
 *
 *   this process                    guard ─ bwrap ─ child                 kns-netns
 *        ├─ spawn both ───────────────▶│      │       │                      │
 *        │◀──────────── info-fd: pid ─────────┤       │ mounts               │
 *        ├─ "link PID" ─────────────────────────────────────────────────────▶│ enters, makes kns0
 *        │◀─ tun fd ─────────────────────────────────────────────────────────┤
 *        ├─ block-fd ────────────────────────────────▶│ execs kns-stub       │
 *        │◀─ "ready", pidfd ──────────────────────────┤                      │
 *        ├─ "files" ────────────────────────────────────────────────────────▶│ /etc, /sys
 *        │◀─ directory fd ───────────────────────────────────────────────────┤
 *        │     launch() returns; names and addresses are written meanwhile
 *        ├─ start(): one byte ───────────────────────▶│ execs the command    │
 *        ├─ listenInside(): "listen …" ─────────────────────────────────────▶│ while the sandbox is
 *        │◀─ socket fd ──────────────────────────────────────────────────────┘
 *
 * "ready" is also what tells a failed set-up from a command that failed:
 * bubblewrap exits with 1 in both cases, but only a sandbox that stands says it.
 *
 * Whatever goes wrong, the way out is one: close the control channel, and the
 * guard ends all that was started. The kernel does the same if this process is
 * killed. Nothing of a sandbox is on the host's file system.
 *
 * PR_SET_PDEATHSIG follows the thread that started a process: a worker thread
 * that launches a sandbox must outlive it.
 */

import type { Socket } from 'node:dgram';
import { closeSync } from 'node:fs';
import type { Server } from 'node:net';
import path from 'node:path';
import { explainBwrap, findBwrap } from './bwrap.ts';
import type { CallerState } from './caller.ts';
import { ChannelClosed } from './channel.ts';
import { SandboxError } from './errors.ts';
import { EtcDirectory, type SandboxFiles } from './files.ts';
import { Guard } from './guard.ts';
import { HelperGone, NamespaceGone, NetnsHelper } from './helper.ts';
import { bindInside, type InsideAddress, listenInside } from './inside.ts';
import { type LinkOptions, makeLink } from './link.ts';
import { type Addon, loadNative, type Native } from './native/addon.ts';
import { TunDevice } from './tun.ts';

/** The whole set-up takes some 20 ms; a machine that needs this long is stuck. */
const SETUP_TIMEOUT_MS = 10_000;

/** How long the guard may take to end a sandbox before it is ended itself. */
const END_TIMEOUT_MS = 5_000;

export interface LaunchOptions {
  /** The program, looked up in the command's PATH, and its arguments: text, or bytes where they are none. */
  readonly command: readonly (string | Uint8Array)[];
  /** Where the command starts; default: here. */
  readonly cwd?: string;
  /** The command's whole environment; default: ours. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly link: LinkOptions;
  /** What the caller had set before Node changed it. */
  readonly caller?: CallerState;
  /** Gives the launch up; a sandbox that stands already is ended by `close`. */
  readonly abort?: AbortSignal;
}

export interface Sandbox {
  readonly device: TunDevice;
  readonly files: SandboxFiles;
  /** What could not be had on this system, one line each; the sandbox works without. */
  readonly notes: readonly string[];
  /** Runs the command; before this, nothing of it has run. */
  start(): void;
  /** Sends a signal to the command itself; nothing happens when it has ended. */
  signal(signo: number): void;
  /** Has a server of ours listen in the sandbox's own network. @throws SandboxError LISTEN_FAILED */
  listenInside(server: Server, at: InsideAddress): Promise<void>;
  /** The same for UDP. @throws SandboxError LISTEN_FAILED */
  bindInside(socket: Socket, at: InsideAddress): Promise<void>;
  /**
   * The command's exit code, 128+n when signal n ended it, 126 or 127 when it
   * could not be run. Every process of the sandbox has ended then.
   */
  readonly exited: Promise<{ code: number }>;
  /** Ends whatever runs, and gives back all that the sandbox held. */
  close(): Promise<void>;
}

/** The guard has ended while the sandbox was being set up. */
class SetupEnded extends Error {
  override readonly name = 'SetupEnded';
}

class RunningSandbox implements Sandbox {
  readonly device: TunDevice;
  readonly notes: readonly string[];
  readonly exited: Promise<{ code: number }>;
  readonly #files: EtcDirectory;
  readonly #api: Addon;
  readonly #guard: Guard;
  readonly #helper: NetnsHelper;
  #pidfd: number | undefined;
  #closing: Promise<void> | undefined;

  constructor(
    api: Addon,
    guard: Guard,
    device: TunDevice,
    pidfd: number,
    files: EtcDirectory,
    helper: NetnsHelper,
  ) {
    this.#api = api;
    this.#guard = guard;
    this.#pidfd = pidfd;
    this.#files = files;
    this.device = device;
    this.#helper = helper;
    this.notes = helper.notes;
    this.exited = guard.exited;
  }

  get files(): SandboxFiles {
    return this.#files;
  }

  start(): void {
    try {
      this.#guard.go();
    } catch (error) {
      // Ended before it began: `exited` tells.
      if (!(error instanceof ChannelClosed)) throw error;
    }
  }

  signal(signo: number): void {
    if (this.#pidfd !== undefined) this.#api.pidfdSendSignal(this.#pidfd, signo);
  }

  listenInside(server: Server, at: InsideAddress): Promise<void> {
    return listenInside(this.#helper, server, at);
  }

  bindInside(socket: Socket, at: InsideAddress): Promise<void> {
    return bindInside(this.#helper, socket, at);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.device.close();
    this.#files.close();
    if (this.#pidfd !== undefined) closeSync(this.#pidfd);
    this.#pidfd = undefined;
    await Promise.all([endGuard(this.#guard), this.#helper.close()]);
  }
}

async function endGuard(guard: Guard): Promise<void> {
  guard.end();
  const timer = setTimeout(() => guard.kill(), END_TIMEOUT_MS);
  await guard.exited;
  clearTimeout(timer);
}

/** Where the command starts. A directory that was removed has no name, and can't be entered again. */
function workingDirectory(wanted: string | undefined): string {
  try {
    return path.resolve(wanted ?? process.cwd());
  } catch (error) {
    throw new SandboxError(
      'CWD_MISSING',
      'the working directory does not exist any more',
      'go to one that does: cd',
      { cause: error },
    );
  }
}

/** One signal for all that ends a set-up early; `done` lets go of the timer and the listener. */
function setupSignal(
  abort: AbortSignal | undefined,
  guard: Guard,
): { signal: AbortSignal; done: () => void } {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(setupTimeout()), SETUP_TIMEOUT_MS);
  const onAbort = () => controller.abort(abort?.reason);
  if (abort?.aborted) onAbort();
  abort?.addEventListener('abort', onAbort);
  void guard.exited.then(() => controller.abort(new SetupEnded()));
  return {
    signal: controller.signal,
    done: () => {
      clearTimeout(timer);
      abort?.removeEventListener('abort', onAbort);
    },
  };
}

function setupTimeout(): SandboxError {
  return new SandboxError(
    'SETUP_TIMEOUT',
    `the sandbox was not ready after ${SETUP_TIMEOUT_MS / 1000} s`,
    'see what holds it up: run the same under strace -f, and try a plain bwrap --unshare-user --unshare-net --dev-bind / / true',
  );
}

function spawnFailed(reason: string): SandboxError {
  return new SandboxError(
    'SPAWN_FAILED',
    `the sandbox's processes could not be started (${reason})`,
    'for E2BIG shorten the arguments or the environment; for EAGAIN or ENOMEM end other processes, or raise ulimit -u',
  );
}

function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

/** The end of bubblewrap shows in many places; its own words tell why. */
async function explain(error: unknown, guard: Guard): Promise<unknown> {
  if (error instanceof HelperGone) return spawnFailed(error.message);
  const isSymptom =
    error instanceof SetupEnded || error instanceof NamespaceGone || error instanceof ChannelClosed;
  const isNetns = error instanceof SandboxError && error.code === 'NETNS_FAILED';
  if (!isSymptom && !(isNetns && guard.complaint !== '')) return error;
  const { code } = await guard.exited;
  return guard.spawnFailure === undefined
    ? explainBwrap(guard.complaint, code)
    : spawnFailed(guard.spawnFailure);
}

/** The fds that a set-up has gathered, to be closed where it fails half-way. */
class Gathered {
  readonly #fds: number[] = [];

  keep(fd: number): number {
    this.#fds.push(fd);
    return fd;
  }

  closeAll(): void {
    for (const fd of this.#fds) closeSync(fd);
  }
}

async function receivePidfd(guard: Guard, signal: AbortSignal): Promise<number> {
  const { fds } = await guard.control.receive(signal);
  const [pidfd] = fds;
  if (pidfd === undefined) throw new Error('kns-stub said it was ready without a pidfd');
  return pidfd;
}

async function setUp(
  native: Native,
  guard: Guard,
  helper: NetnsHelper,
  signal: AbortSignal,
  link: LinkOptions,
): Promise<Sandbox> {
  const gathered = new Gathered();
  try {
    const childPid = await orAborted(guard.childPid, signal);
    const tun = gathered.keep(await makeLink(helper, childPid, link, signal));
    guard.unblock();
    const pidfd = gathered.keep(await receivePidfd(guard, signal));
    const directory = gathered.keep(await helper.files(signal));
    const device = new TunDevice(native.api, tun, link.mtu);
    return new RunningSandbox(native.api, guard, device, pidfd, new EtcDirectory(directory), helper);
  } catch (error) {
    gathered.closeAll();
    throw error;
  }
}

/**
 * Makes a sandbox that is ready to run its command.
 *
 * @throws SandboxError where this system does not let it; the reason of
 *   `abort` where that came first. Nothing is left then.
 */
export async function launch(options: LaunchOptions): Promise<Sandbox> {
  if (options.command.length === 0) throw new TypeError('a command is needed');
  options.abort?.throwIfAborted();
  const cwd = workingDirectory(options.cwd);
  const bwrap = findBwrap();
  const native = await loadNative();
  const guard = new Guard(native, bwrap, {
    command: options.command,
    cwd,
    env: options.env ?? process.env,
    caller: options.caller,
  });
  const { signal, done } = setupSignal(options.abort, guard);
  let helper: NetnsHelper | undefined;
  try {
    helper = NetnsHelper.start(native);
    return await setUp(native, guard, helper, signal, options.link);
  } catch (error) {
    await Promise.all([endGuard(guard), helper?.close()]);
    throw await explain(error, guard);
  } finally {
    done();
  }
}
