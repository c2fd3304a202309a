/** Signals that reach our own process, told apart by where they come from. */

import { readSync } from 'node:fs';
import { constants } from 'node:os';
import { loadNative } from '../native/addon.ts';

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
  /** Puts the dispositions back that were found. */
  close(): void;
}

/**
 * Takes these signals over from Node. The event loop may end meanwhile only by
 * `close`. One watch a process at a time.
 */
export async function watchSignals(
  signos: readonly number[],
  onSignal: (signal: ReceivedSignal) => void,
): Promise<SignalWatch> {
  const { api } = await loadNative();
  const pipe = api.takeSignals(signos);
  const buffer = Buffer.alloc(RECORD_BYTES * MAX_RECORDS);
  const watch = api.watchReadable(pipe, () => {
    // Readable, and records are written whole: neither EAGAIN nor a part of one.
    const length = readSync(pipe, buffer);
    for (let at = 0; at < length; at += RECORD_BYTES) {
      onSignal({
        signo: buffer.readInt32LE(at),
        fromKernel: buffer.readInt32LE(at + 4) === SI_KERNEL,
        senderPid: buffer.readInt32LE(at + 8),
      });
    }
  });
  let closed = false;
  return {
    close() {
      if (closed) return;
      closed = true;
      api.closeWatch(watch);
      api.giveBackSignals();
    },
  };
}
