/** `kns-rootless __complete WORD…`: what may stand at the last of these words; the scripts of `completion` call it. */

import type { Command } from 'commander';
import { complete as completeWords } from '../completion/complete.ts';
import { NAMED } from '../completion/named.ts';
import { print } from '../output.ts';
import { defineProgram, makeCommand } from '../program.ts';
import { SUBCOMMAND_NAMES } from '../subcommand-names.ts';
import { type Subcommand, subcommand } from '../subcommands.ts';
import { VERSION } from '../version.ts';

function define(): Command {
  return makeCommand('kns-rootless __complete')
    .usage('WORD…')
    .description('Prints what may stand at the last word of a command line, for shells.')
    .argument('[word...]', 'up to the one that is asked about, which may be empty');
}

/** @param argv all of it are words, whatever it looks like */
async function run(argv: readonly string[]): Promise<number> {
  const program = defineProgram(VERSION);
  print(await completeWords(argv, { program, subcommands: await subcommands(), named: NAMED }));
  return 0;
}

async function subcommands(): Promise<Map<string, Command>> {
  const definitions = new Map<string, Command>();
  for (const name of SUBCOMMAND_NAMES) definitions.set(name, (await subcommand(name)).define());
  return definitions;
}

export const complete: Subcommand = { define, run };
