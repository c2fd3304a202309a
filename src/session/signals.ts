/**
 * Signals that are sent to us are meant for the command: it is the command that
 * decides what comes of them, and its end is ours. Which of them it has got
 * already, from the terminal or with its process group, the sandbox knows.
 */

import { constants } from 'node:os';
import {
  type CallerState,
  PASSED_SIGNALS,
  type Sandbox,
  type SignalWatch,
  watchSignals,
} from '../../sandbox/index.ts';

/**
 * Before there is a command, and after it, a signal is for us. One that our
 * caller ignores (nohup, a background job of a script) does not end us either,
 * though Node has put it back to its default.
 */
export function keepIgnoring({ ignoredSignals }: CallerState): void {
  for (const [name, signo] of Object.entries(constants.signals)) {
    const isIgnored = ((ignoredSignals >> BigInt(signo - 1)) & 1n) === 1n;
    if (isIgnored && PASSED_SIGNALS.includes(signo)) process.on(name, () => {});
  }
}

export function forwardSignals(command: Pick<Sandbox, 'pass'>): Promise<SignalWatch> {
  return watchSignals(PASSED_SIGNALS, (signal) => command.pass(signal));
}

/** Where there is no command, what asks us to end asks the sandbox. */
export function endOnSignals(sandbox: Sandbox): Promise<SignalWatch> {
  const { SIGHUP, SIGINT, SIGTERM } = constants.signals;
  return watchSignals([SIGHUP, SIGINT, SIGTERM], () => void sandbox.close());
}
