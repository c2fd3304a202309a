/** `kns-rootless help [SUBCOMMAND]`: what --help says, of the program or of a subcommand. */

import type { Command } from 'commander';
import { UsageError } from '../../errors.ts';
import { defineProgram, makeCommand } from '../program.ts';
import { isSubcommandName } from '../subcommand-names.ts';
import { type Subcommand, subcommand } from '../subcommands.ts';
import { VERSION } from '../version.ts';

function define(): Command {
  return makeCommand('kns-rootless help')
    .usage('[SUBCOMMAND]')
    .description('Shows the options, of a subcommand where one is named.')
    .argument('[subcommand]', 'such as up or doctor');
}

async function run(argv: readonly string[]): Promise<number> {
  const [word] = define().parse(argv, { from: 'user' }).args;
  const definition = word === undefined ? defineProgram(VERSION) : await definitionOf(word);
  definition.outputHelp();
  return 0;
}

async function definitionOf(word: string): Promise<Command> {
  if (!isSubcommandName(word)) throw unknown(word);
  return (await subcommand(word)).define();
}

function unknown(word: string): UsageError {
  return new UsageError(
    'SUBCOMMAND_UNKNOWN',
    `there is no subcommand "${word}"`,
    'kns-rootless help names those that there are',
  );
}

export const help: Subcommand = { define, run };
