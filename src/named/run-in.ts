/** Runs a command in a sandbox of another process, as a run of its own would: terminal, signals, exit code. */

import { borrowNamespaces, type CommandEnd, join, type JoinOptions } from '../../sandbox/index.ts';
import { forwardSignals, keepIgnoring } from '../session/signals.ts';
import { askToJoin } from './control-client.ts';
import { stateDirectory } from './state-directory.ts';

export type RunInOptions = Required<Pick<JoinOptions, 'command' | 'fds' | 'caller'>>;

/** @returns how it ended. Throws Actionable errors. */
export async function runIn(name: string, options: RunInOptions): Promise<CommandEnd> {
  keepIgnoring(options.caller);
  const membership = await askToJoin(stateDirectory(process.env), name, process.env);
  try {
    const command = await join({
      ...options,
      env: membership.environment,
      namespaces: await borrowNamespaces(membership.pid, membership.namespaces),
      netAdmin: membership.netAdmin,
    });
    // One that shares the host's pids would not end with the sandbox by itself.
    void membership.ended.then(() => command.close());
    const signals = await forwardSignals(command);
    try {
      command.start();
      return await command.exited;
    } finally {
      signals.close();
      await command.close();
    }
  } finally {
    membership.leave();
  }
}
