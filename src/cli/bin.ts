/**
 * Where Node starts: checks that it is new enough before anything newer than
 * that is loaded, and loads the program that is asked for.
 */

import { join } from 'node:path';
import { isSupervisor } from '../named/supervisor-role.ts';
import { loadProgram } from './code-cache.ts';
import type { Main } from './entry.ts';
import { EXIT_FAILED } from './exit-codes.ts';
import { isSubcommandName } from './subcommand-names.ts';

/** The bundles of run-program.ts and subcommand-program.ts; build.mjs names them by their content. */
declare const RUN_PROGRAM: string;
declare const SUBCOMMAND_PROGRAM: string;

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  process.stderr.write(
    `kns-rootless: Node ${process.versions.node} is too old [NODE_TOO_OLD]: use Node 20.19 or later\n`,
  );
  process.exit(EXIT_FAILED);
}
const argv = process.argv.slice(2);
const [file, use] = programFor(argv[0]);
const { program, keepCode } = loadProgram<{ readonly main: Main }>(
  join(import.meta.dirname, file),
  use,
  process.env,
);
void program.main(argv, keepCode).then((code) => process.exit(code));

/** Its bundle, and what it is used for this time: each use needs code of its own. */
function programFor(word: string | undefined): [file: string, use: string] {
  if (isSupervisor(process.env)) return [RUN_PROGRAM, 'supervisor'];
  return isSubcommandName(word) ? [SUBCOMMAND_PROGRAM, word] : [RUN_PROGRAM, 'run'];
}
