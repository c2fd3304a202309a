/**
 * Signals that are sent to us are meant for the command: it is the command that
 * decides what comes of them, and its end is ours. Which of them it has got
 * already, from the terminal or with its process group, the sandbox knows.
 */

import { constants } from 'node:os';
import { type CallerState, type Sandbox, type SignalWatch, watchSignals } from '../../sandbox/index.ts';

/** The guard is the witness for just these (sandbox/native/stub/guard.c). */
const FORWARDED = (
  ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGUSR1', 'SIGUSR2', 'SIGTSTP', 'SIGCONT', 'SIGWINCH'] as const
).map((name) => constants.signals[name]);

/**
 * Before there is a command, and after it, a signal is for us. One that our
 * caller ignores (nohup, a background job of a script) does not end us either,
 * though Node has put it back to its default.
 */
export function keepIgnoring({ ignoredSignals }: CallerState): void {
  for (const [name, signo] of Object.entries(constants.signals)) {
    const isIgnored = ((ignoredSignals >> BigInt(signo - 1)) & 1n) === 1n;
    if (isIgnored && FORWARDED.includes(signo)) process.on(name, () => {});
  }
}

export function forwardSignals(sandbox: Sandbox): Promise<SignalWatch> {
  return watchSignals(FORWARDED, (signal) => sandbox.pass(signal));
}
