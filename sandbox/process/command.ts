/**
 * A command behind its guard: it waits to be started, gets signals, and ends.
 *
 * Its end is told by the end of the guard, for everything else has ended then.
 * Each of the processes in between may have been stopped (SIGSTOP), though, and
 * the guard's end would never come. So the command's own end, which the kernel
 * tells by its pidfd, bounds all that is to follow; a signal that comes then is
 * for us, and makes the bound a short one. SIGKILL ends who is stopped as well.
 */

import { closeSync } from 'node:fs';
import { constants } from 'node:os';
import { ChannelClosed } from '../channel.ts';
import type { Addon, WatchHandle } from '../native/addon.ts';
import type { CommandEnd, Guard } from './guard.ts';
import { Job, type JobParts } from './job.ts';
import type { ReceivedSignal } from './signals.ts';

/** How long the guard may take to end what it guards before it is ended itself. */
const END_TIMEOUT_MS = 5_000;

/** The same, for a user who does not want to wait. */
const HURRIED_END_TIMEOUT_MS = 500;

/** From the command's end to the guard's it takes some milliseconds, or the kernel has much to take down. */
const AFTERMATH_TIMEOUT_MS = 2_000;

const { SIGHUP, SIGINT, SIGQUIT, SIGTERM } = constants.signals;

/** Those by which a user asks for an end. */
const ENDING_SIGNALS: ReadonlySet<number> = new Set([SIGHUP, SIGINT, SIGQUIT, SIGTERM]);

export class RunningCommand {
  readonly exited: Promise<CommandEnd>;
  readonly #api: Addon;
  readonly #guard: Guard;
  readonly #pidfd: number;
  readonly #job: Job;
  /** Until the command has ended. */
  #watch: WatchHandle | undefined;
  #closing: Promise<void> | undefined;

  /** Takes over the pidfd. */
  constructor(parts: JobParts) {
    const { api, guard, pidfd } = parts;
    this.#api = api;
    this.#guard = guard;
    this.#pidfd = pidfd;
    this.#job = new Job(parts);
    this.#watch = api.watchReadable(pidfd, () => this.#boundAftermath());
    this.exited = guard.exited;
  }

  /** @returns false where it has ended before it began: `exited` tells */
  start(): boolean {
    try {
      this.#guard.go(this.#job.begin());
      return true;
    } catch (error) {
      if (!(error instanceof ChannelClosed)) throw error;
      return false;
    }
  }

  /** Sends a signal to the command itself; nothing happens when it has ended. */
  signal(signo: number): void {
    this.#job.signal(signo);
  }

  /** The same for one that has reached us, unless the command has got it already; after its end it is for us. */
  pass(signal: ReceivedSignal): void {
    if (this.#watch !== undefined) this.#job.pass(signal);
    else if (ENDING_SIGNALS.has(signal.signo)) void endGuard(this.#guard, HURRIED_END_TIMEOUT_MS);
  }

  /** The command has ended (pidfd_open(2)). */
  #boundAftermath(): void {
    this.#unwatch();
    this.#job.takeTerminalBack();
    const late = setTimeout(() => void endGuard(this.#guard), AFTERMATH_TIMEOUT_MS);
    void this.#guard.exited.then(() => clearTimeout(late));
  }

  #unwatch(): void {
    if (this.#watch !== undefined) this.#api.closeWatch(this.#watch);
    this.#watch = undefined;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#job.end();
    this.#unwatch();
    closeSync(this.#pidfd);
    await endGuard(this.#guard);
  }
}

export async function endGuard(guard: Guard, timeoutMs = END_TIMEOUT_MS): Promise<void> {
  guard.end();
  const timer = setTimeout(() => guard.kill(), timeoutMs);
  await guard.exited;
  clearTimeout(timer);
}
