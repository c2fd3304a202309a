/** `kns-rootless __complete WORD…`: what may stand at the last of these words; the scripts of `completion` call it. */

import type { Command } from 'commander';
import { NAMED } from '../completion/named.ts';
import { print } from '../output.ts';
import { defineProgram, makeCommand } from '../program.ts';
import { type Subcommand, subcommand, subcommandNames } from '../subcommands.ts';
import { VERSION } from '../version.ts';

function define(): Command {
  return makeCommand('kns-rootless __complete')
    .usage('WORD…')
    .description('Prints what may stand at the last word of a command line, for shells.')
    .argument('[word...]', 'up to the one that is asked about, which may be empty');
}

/** @param argv all of it are words, whatever it looks like */
async function run(argv: readonly string[]): Promise<number> {
  const { complete } = await import('../completion/complete.ts');
  const program = defineProgram(VERSION);
  print(await complete(argv, { program, subcommands: await subcommands(), named: NAMED }));
  return 0;
}

async function subcommands(): Promise<Map<string, Command>> {
  const definitions = new Map<string, Command>();
  for (const name of subcommandNames()) {
    const found = await subcommand(name);
    if (found !== undefined) definitions.set(name, found.define());
  }
  return definitions;
}

export const complete: Subcommand = { define, run };
