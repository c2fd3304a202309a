/**
 * The closed set of subcommands, now and later.
 *
 * `kns-rootless NAME` runs a program called NAME unless it is one of these.
 * They clash with no common program, and `kns-rootless -- NAME` always runs
 * the program. Reserving the later ones now keeps scripts from breaking then.
 */

import { UsageError } from '../errors.ts';

const RESERVED = new Set(['doctor', 'down', 'exec', 'list', 'logs', 'policy', 'up']);
/** Those that there are; each is the first word of the command line, and its options follow. */
const PRESENT = new Set(['doctor']);

/** Throws `SUBCOMMAND_RESERVED` where a command's name is kept for a subcommand. */
export function refuseReserved(name: string): void {
  if (!RESERVED.has(name)) return;
  const asProgram = `to run a program of that name: kns-rootless -- ${name}`;
  if (PRESENT.has(name)) {
    throw new UsageError(
      'SUBCOMMAND_RESERVED',
      `"${name}" is a subcommand, which comes first`,
      `put the options after it: kns-rootless ${name} …; ${asProgram}`,
    );
  }
  throw new UsageError(
    'SUBCOMMAND_RESERVED',
    `"${name}" is kept for a subcommand that this version does not have`,
    asProgram,
  );
}
