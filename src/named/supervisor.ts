/**
 * A sandbox that outlives the command that started it.
 *
 *     up ── fork, a session of its own ── supervisor ── sandbox
 *        ◀────────── "ready" ────────────┘
 *
 * The supervisor is this program once more, told by a variable of the
 * environment. Until the sandbox is ready it belongs to `up`: it writes to its
 * stderr, and ends when `up` does; and files that are open for it may be named by
 * its options (`--policy <(…)`). From then on it belongs to nobody, and the
 * sandbox ends with it.
 */

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { closeCallerFiles } from '../../sandbox/index.ts';
import { UsageError } from '../errors.ts';
import type { SessionSummary } from '../session/session.ts';
import { asSupervisor } from './supervisor-role.ts';

interface Ready {
  readonly kind: 'ready';
  readonly summary: SessionSummary;
}

/**
 * Starts the supervisor with these arguments of ours.
 *
 * @returns undefined where it has failed, and has said why
 * @throws UsageError SUPERVISOR_FAILED
 */
export async function startSupervisor(
  argv: readonly string[],
  callerFiles: string,
): Promise<SessionSummary | undefined> {
  const child = fork(process.argv[1], argv, {
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    env: { ...process.env, ...asSupervisor(callerFiles) },
  });
  child.stderr?.pipe(process.stderr, { end: false });
  const summary = await Promise.race([readiness(child), failure(child)]);
  child.stderr?.destroy();
  if (child.connected) child.disconnect();
  child.unref();
  return summary;
}

function readiness(child: ChildProcess): Promise<SessionSummary> {
  return new Promise((resolve) => child.once('message', ({ summary }: Ready) => resolve(summary)));
}

/** The end of one that was to stay. */
async function failure(child: ChildProcess): Promise<undefined> {
  try {
    await once(child, 'close');
  } catch (error) {
    throw supervisorFailed(`could not be started: ${String(error)}`);
  }
  if (child.signalCode !== null) throw supervisorFailed(`was ended by ${child.signalCode}`);
}

function supervisorFailed(what: string): UsageError {
  return new UsageError(
    'SUPERVISOR_FAILED',
    `the sandbox's process ${what}`,
    'see what is short, memory or processes (ulimit -u), and start it again',
  );
}

/** The supervisor's own side: ends with its starter, until it is ready. */
export function followStarter(
  callerFiles: string,
  giveUp: () => void,
): { ready: (summary: SessionSummary) => void } {
  process.once('disconnect', giveUp);
  return {
    ready(summary) {
      process.off('disconnect', giveUp);
      closeCallerFiles(callerFiles);
      const message: Ready = { kind: 'ready', summary };
      process.send?.(message);
    },
  };
}
