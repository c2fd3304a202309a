/** `kns-rootless exec NAME [--] [command [args…]]`: a further command in a sandbox that runs. */

import type { Command } from 'commander';
import type { CallerState } from '../../../sandbox/index.ts';
import { UsageError } from '../../errors.ts';
import { runIn } from '../../named/run-in.ts';
import { endAlike } from '../end.ts';
import { addCommandOptions, readCommandOptions } from '../options/command.ts';
import { makeCommand, parseOperands } from '../program.ts';
import { rawArguments } from '../raw-arguments.ts';
import type { Subcommand } from '../subcommands.ts';

const HELP = `
Options come before NAME; what follows it, or --, is the command's own. The exit
code is that of a run.`;

function define(): Command {
  const program = makeCommand('kns-rootless exec')
    .usage('[options] NAME [--] [command [args…]]')
    .description('Runs a command in a sandbox that runs. Without a command, $SHELL.')
    .argument('<sandbox>', 'its name, as kns-rootless list shows it')
    .argument('[command...]', 'the command and its arguments')
    .addHelpText('after', HELP)
    .passThroughOptions();
  addCommandOptions(program);
  return program;
}

async function run(argv: readonly string[], caller: CallerState): Promise<number> {
  const program = define();
  const { operands } = parseOperands(program, argv);
  const [name = '', ...rest] = operands;
  const command = rest[0] === '--' ? rest.slice(1) : rest;
  if (rest[0] !== '--') refuseOption(name, command[0]);
  const end = await runIn(name, {
    command: rawArguments(command.length > 0 ? command : [process.env['SHELL'] || '/bin/sh']),
    ...readCommandOptions(program),
    caller,
  });
  return endAlike(end);
}

export const exec: Subcommand = { define, run };

/** No program's name begins so, unless `--` says that it does. */
function refuseOption(name: string, word: string | undefined): void {
  if (word === undefined || !/^-./.test(word)) return;
  throw new UsageError(
    'EXEC_OPTION',
    `exec takes no options behind the sandbox's name: ${word}`,
    `those of the sandbox go to kns-rootless up, those of exec before the name; a program of that name is run by kns-rootless exec ${name} -- ${word}`,
  );
}
