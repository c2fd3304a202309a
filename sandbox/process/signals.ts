/** Signals that reach our own process, told apart by where they come from. */

import { readSync } from 'node:fs';
import { constants } from 'node:os';
import { type Addon, loadNative, type WatchHandle } from '../native/addon.ts';

/** What is meant for the command when it is sent to us; the guard is the witness for just these (native/stub/guard.c). */
export const PASSED_SIGNALS: readonly number[] = (
  ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGUSR1', 'SIGUSR2', 'SIGTSTP', 'SIGCONT', 'SIGWINCH'] as const
).map((name) => constants.signals[name]);

/** sigaction(2): sent by the kernel, such as for a key of the terminal. */
const SI_KERNEL = 0x80;

const RECORD_BYTES = 12;

/** The most records that one wake-up reads. */
const MAX_RECORDS = 64;

export interface ReceivedSignal {
  readonly signo: number;
  /** True when the kernel sent it (Ctrl-C, a hang-up): the command's process group has got it as well. */
  readonly fromKernel: boolean;
  /** The sender's pid, 0 where there is none. */
  readonly senderPid: number;
}

export interface SignalWatch {
  /** The last one puts the dispositions back that were found. */
  close(): void;
}

type Listener = (signal: ReceivedSignal) => void;

/** The signals of a process belong to all of it: they are taken over once, for several runs at a time too. */
class Intake {
  readonly listeners = new Set<Listener>();
  readonly #api: Addon;
  readonly #signos: ReadonlySet<number>;
  readonly #watch: WatchHandle;

  constructor(api: Addon, signos: readonly number[]) {
    this.#api = api;
    this.#signos = new Set(signos);
    const pipe = api.takeSignals(signos);
    const buffer = Buffer.alloc(RECORD_BYTES * MAX_RECORDS);
    this.#watch = api.watchReadable(pipe, () => {
      // Readable, and records are written whole: neither EAGAIN nor a part of one.
      const length = readSync(pipe, buffer);
      for (let at = 0; at < length; at += RECORD_BYTES) this.#tell(buffer, at);
    });
  }

  has(signos: readonly number[]): boolean {
    return signos.length === this.#signos.size && signos.every((signo) => this.#signos.has(signo));
  }

  #tell(record: Buffer, at: number): void {
    const signal = {
      signo: record.readInt32LE(at),
      fromKernel: record.readInt32LE(at + 4) === SI_KERNEL,
      senderPid: record.readInt32LE(at + 8),
    };
    for (const listener of this.listeners) listener(signal);
  }

  close(): void {
    this.#api.closeWatch(this.#watch);
    this.#api.giveBackSignals();
  }
}

/** There is one while anybody watches. */
let intake: Intake | undefined;

/**
 * Takes these signals over from Node. The event loop may end meanwhile only by
 * `close`. Whoever else in this process watches at the same time watches the same ones.
 */
export async function watchSignals(signos: readonly number[], onSignal: Listener): Promise<SignalWatch> {
  const { api } = await loadNative();
  intake ??= new Intake(api, signos);
  if (!intake.has(signos)) throw new RangeError('other signals are watched already');
  const listener: Listener = (signal) => onSignal(signal);
  intake.listeners.add(listener);
  return {
    close() {
      if (!intake?.listeners.delete(listener) || intake.listeners.size > 0) return;
      intake.close();
      intake = undefined;
    },
  };
}
