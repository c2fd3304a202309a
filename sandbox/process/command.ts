/** A command behind its guard: it waits to be started, gets signals, and ends. */

import { closeSync } from 'node:fs';
import { ChannelClosed } from '../channel.ts';
import type { Addon } from '../native/addon.ts';
import type { Guard } from './guard.ts';
import { Job } from './job.ts';
import type { ReceivedSignal } from './signals.ts';

/** How long the guard may take to end what it guards before it is ended itself. */
const END_TIMEOUT_MS = 5_000;

export class RunningCommand {
  readonly exited: Promise<{ code: number }>;
  readonly #guard: Guard;
  readonly #pidfd: number;
  readonly #job: Job;
  #closing: Promise<void> | undefined;

  /** Takes over the pidfd. */
  constructor({ api, guard, pidfd }: { api: Addon; guard: Guard; pidfd: number }) {
    this.#guard = guard;
    this.#pidfd = pidfd;
    this.#job = new Job(api, guard, pidfd);
    this.exited = guard.exited;
  }

  /** @returns false where it has ended before it began: `exited` tells */
  start(): boolean {
    try {
      this.#guard.go();
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

  /** The same for one that has reached us, unless the command has got it already. */
  pass(signal: ReceivedSignal): void {
    this.#job.pass(signal);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#job.end();
    closeSync(this.#pidfd);
    await endGuard(this.#guard);
  }
}

export async function endGuard(guard: Guard): Promise<void> {
  guard.end();
  const timer = setTimeout(() => guard.kill(), END_TIMEOUT_MS);
  await guard.exited;
  clearTimeout(timer);
}
