/** What it means that a sandbox could not be joined. */

import { ChannelClosed } from '../channel.ts';
import { SandboxError } from '../errors.ts';
import type { Guard } from '../process/guard.ts';
import { explainLimit, noRoom, SetupEnded, spawnFailed } from '../process/setup.ts';

export function joinFailed(reason: string, cause?: unknown): SandboxError {
  return new SandboxError(
    'JOIN_FAILED',
    `the sandbox can't be joined: ${reason}`,
    'see whether it is there still: kns-rootless list',
    { cause },
  );
}

export function joinTimeout(seconds: number): SandboxError {
  return new SandboxError(
    'SETUP_TIMEOUT',
    `the command was not in the sandbox after ${seconds} s`,
    'see what holds it up: run the same under strace -f',
  );
}

/** Of a guard that has ended. */
export function explainJoin(error: unknown, guard: Guard): unknown {
  if (!(error instanceof SetupEnded || error instanceof ChannelClosed)) return explainLimit(error);
  if (guard.spawnFailure !== undefined) return spawnFailed(guard.spawnFailure);
  const said = guard.complaint.trim().replace(/^kns-rootless: /, '');
  // ENOMEM is also what a sandbox without its first process has to say (pid_namespaces(7)).
  if (noRoom(said) === 'EAGAIN') return spawnFailed(`EAGAIN: ${said}`);
  return joinFailed(said === '' ? 'it has ended' : said, error);
}
