/**
 * The closed set of subcommands, by name.
 *
 * `kns-rootless NAME` runs a program called NAME unless it is one of these.
 * They clash with no common program, and `kns-rootless -- NAME` always runs
 * the program.
 */

import { UsageError } from '../errors.ts';

/** What begins with `__` is for scripts. */
const NAMES = [
  '__complete',
  'completion',
  'doctor',
  'down',
  'exec',
  'help',
  'list',
  'logs',
  'policy',
  'up',
  'version',
] as const;

export type SubcommandName = (typeof NAMES)[number];

/** Those that users call. */
export const SUBCOMMAND_NAMES = NAMES.filter((name) => !name.startsWith('__'));

export function isSubcommandName(word: string | undefined): word is SubcommandName {
  return NAMES.some((name) => name === word);
}

/** Throws `SUBCOMMAND_RESERVED` where a command's name is kept for a subcommand. */
export function refuseReserved(name: string | undefined): void {
  if (!isSubcommandName(name)) return;
  throw new UsageError(
    'SUBCOMMAND_RESERVED',
    `the subcommand "${name}" has to be the first word`,
    `write its options behind it: kns-rootless ${name} …; to run a program of that name: kns-rootless -- ${name}`,
  );
}
