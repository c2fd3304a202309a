/**
 * Signals that are sent to us are meant for the command.
 *
 * What the terminal sends (Ctrl-C, Ctrl-\) reaches the whole process group, so
 * the command has it already; only what somebody sent to us alone, by kill(2),
 * is passed on. The exception is a terminal that goes away: the kernel tells
 * the leader of its session alone (setsid(2)), which we are where no shell is
 * in between (`ssh -t host kns-rootless …`, `xterm -e`). Either way it is the
 * command that decides what comes of it, and its end is ours.
 */

import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { type CallerState, type Sandbox, type SignalWatch, watchSignals } from '../../sandbox/index.ts';

const { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2 } = constants.signals;
const FORWARDED = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2];

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
  const hangUpIsOurs = leadsSession();
  return watchSignals(FORWARDED, ({ signo, fromKernel }) => {
    if (!fromKernel || (signo === SIGHUP && hangUpIsOurs)) sandbox.signal(signo);
  });
}

/** proc(5): after the name in brackets come state, parent, process group and session. */
function leadsSession(): boolean {
  const stat = readFileSync('/proc/self/stat', 'latin1');
  const [, , , , session] = stat.slice(stat.lastIndexOf(')')).split(' ');
  return Number(session) === process.pid;
}
