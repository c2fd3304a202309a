/**
 * The closed set of subcommands.
 *
 * `kns-rootless NAME` runs a program called NAME unless it is one of these.
 * They clash with no common program, and `kns-rootless -- NAME` always runs
 * the program.
 */

import type { Command } from 'commander';
import type { CallerState } from '../../sandbox/index.ts';
import { UsageError } from '../errors.ts';

export interface Subcommand {
  /** Its command line; nothing is read yet. */
  readonly define: () => Command;
  /** @param argv its own arguments @param caller what the caller's shell had set up @returns the exit code */
  readonly run: (argv: readonly string[], caller: CallerState) => Promise<number>;
}

/** Each is loaded when it is called. */
const SUBCOMMANDS: ReadonlyMap<string, () => Promise<Subcommand>> = new Map([
  ['__complete', async () => (await import('./commands/complete.ts')).complete],
  ['completion', async () => (await import('./commands/completion.ts')).completion],
  ['doctor', async () => (await import('./commands/doctor.ts')).doctor],
  ['down', async () => (await import('./commands/down.ts')).down],
  ['exec', async () => (await import('./commands/exec.ts')).exec],
  ['help', async () => (await import('./commands/help.ts')).help],
  ['list', async () => (await import('./commands/list.ts')).list],
  ['logs', async () => (await import('./commands/logs.ts')).logs],
  ['policy', async () => (await import('./commands/policy.ts')).policy],
  ['up', async () => (await import('./commands/up.ts')).up],
  ['version', async () => (await import('./commands/version.ts')).version],
]);

/** The subcommand that the first word is, if it is one. */
export function subcommand(word: string | undefined): Promise<Subcommand> | undefined {
  return word === undefined ? undefined : SUBCOMMANDS.get(word)?.();
}

/** Those that users call; what begins so is for scripts. */
export function subcommandNames(): string[] {
  return [...SUBCOMMANDS.keys()].filter((name) => !name.startsWith('__'));
}

/** Throws `SUBCOMMAND_RESERVED` where a command's name is kept for a subcommand. */
export function refuseReserved(name: string): void {
  if (!SUBCOMMANDS.has(name)) return;
  throw new UsageError(
    'SUBCOMMAND_RESERVED',
    `the subcommand "${name}" has to be the first word`,
    `write its options behind it: kns-rootless ${name} …; to run a program of that name: kns-rootless -- ${name}`,
  );
}
