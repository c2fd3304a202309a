/** The subcommands themselves, each of them loaded when it is called. */

import type { Command } from 'commander';
import type { CallerState } from '../../sandbox/index.ts';
import type { SubcommandName } from './subcommand-names.ts';

export interface Subcommand {
  /** Its command line; nothing is read yet. */
  readonly define: () => Command;
  /** @param argv its own arguments @param caller what the caller's shell had set up @returns the exit code */
  readonly run: (argv: readonly string[], caller: CallerState) => Promise<number>;
}

const SUBCOMMANDS: Readonly<Record<SubcommandName, () => Promise<Subcommand>>> = {
  __complete: async () => (await import('./commands/complete.ts')).complete,
  completion: async () => (await import('./commands/completion.ts')).completion,
  doctor: async () => (await import('./commands/doctor.ts')).doctor,
  down: async () => (await import('./commands/down.ts')).down,
  exec: async () => (await import('./commands/exec.ts')).exec,
  help: async () => (await import('./commands/help.ts')).help,
  list: async () => (await import('./commands/list.ts')).list,
  logs: async () => (await import('./commands/logs.ts')).logs,
  policy: async () => (await import('./commands/policy.ts')).policy,
  up: async () => (await import('./commands/up.ts')).up,
  version: async () => (await import('./commands/version.ts')).version,
};

export function subcommand(name: SubcommandName): Promise<Subcommand> {
  return SUBCOMMANDS[name]();
}
