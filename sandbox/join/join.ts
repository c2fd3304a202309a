/**
 * Runs a further command in a sandbox that stands.
 *
 *   this process          guard ─ kns-stub join ─ init ─ the command
 *        ├─ spawn ─────────▶│        │              │
 *        │                           │ setns, fork  │ no privilege, as in a run
 *        │◀─ "ready", pidfd ────────────────────────┤
 *        ├─ start(): one byte ─────────────────────▶│ execs the command
 *
 * It is a run as any other, with kns-stub in bubblewrap's place: terminal,
 * signals, open files, exit status and limits are of who joins; processes,
 * network and files of who is joined. If this process ends before the command,
 * the command ends, and all that it has started. What it leaves running when
 * it ends by itself belongs to the sandbox.
 */

import { explainJoin, joinTimeout } from './errors.ts';
import type { LaunchOptions } from '../launch.ts';
import { loadNative, type Native } from '../native/addon.ts';
import { closeNamespaces, type Namespaces } from './namespaces.ts';
import { isLauncher } from '../process/caller.ts';
import { endGuard, RunningCommand } from '../process/command.ts';
import { firstEntryFd, Guard } from '../process/guard.ts';
import { inheritedFds } from '../process/inherited-fds.ts';
import { explainLimit, receivePidfd, setupSignal, workingDirectory } from '../process/setup.ts';

export interface JoinOptions
  extends Pick<LaunchOptions, 'cwd' | 'env' | 'fds' | 'caller'>,
    Required<Pick<LaunchOptions, 'command'>> {
  /** Closed here, whatever comes of it. */
  readonly namespaces: Namespaces;
  /** As the sandbox was made: CAP_NET_ADMIN and CAP_NET_RAW over its network. */
  readonly netAdmin: boolean;
}

/** @throws SandboxError; nothing is left then */
export async function join(options: JoinOptions): Promise<RunningCommand> {
  if (options.command.length === 0) throw new TypeError('a command has at least one word');
  const native = await loadNative();
  // Before the namespaces are closed: without pids of its own, numbers are the host's.
  const mayLead = isLauncher(options.caller) && options.namespaces.pid !== undefined;
  const guard = startGuard(native, options);
  const { signal, done } = setupSignal(guard, joinTimeout);
  try {
    const pidfd = await receivePidfd(guard, signal);
    return new RunningCommand({ api: native.api, guard, pidfd, mayLead });
  } catch (error) {
    await endGuard(guard);
    throw explainJoin(error, guard);
  } finally {
    done();
  }
}

function startGuard(native: Native, options: JoinOptions): Guard {
  const { user, net, ipc, mnt, pid } = options.namespaces;
  try {
    const fds = inheritedFds(options.fds ?? [], options.caller);
    const first = firstEntryFd(fds);
    const numbers = [0, 1, 2, 3].map((i) => String(first + i));
    return new Guard(native, {
      command: options.command,
      cwd: workingDirectory(options.cwd),
      env: options.env ?? process.env,
      caller: options.caller,
      fds,
      after: 'join',
      entry: [
        native.stub,
        'join',
        ...numbers,
        pid === undefined ? '-' : String(first + numbers.length),
        options.netAdmin ? 'network' : 'none',
      ],
      entryFds: [user, net, ipc, mnt, ...(pid === undefined ? [] : [pid])],
    });
  } catch (error) {
    throw explainLimit(error);
  } finally {
    closeNamespaces(options.namespaces);
  }
}
