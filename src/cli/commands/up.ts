/** `kns-rootless up NAME [options]`: a sandbox without a command, which stays. */

import type { Command } from 'commander';
import { callerFiles, type CallerState } from '../../../sandbox/index.ts';
import { checkName } from '../../named/registry.ts';
import { startSupervisor } from '../../named/supervisor.ts';
import { EXIT_FAILED } from '../exit-codes.ts';
import { greet } from '../greeting.ts';
import { addGeneralOptions } from '../options/general.ts';
import { addSandboxLine, makeCommand, readSandboxLine, type SandboxLine } from '../program.ts';
import type { Subcommand } from '../subcommands.ts';
import { VERSION } from '../version.ts';

function define(): Command {
  const program = makeCommand('kns-rootless up')
    .usage('NAME [options]')
    .description('Starts a sandbox without a command, and returns when it is ready.')
    .argument('<name>', 'by which exec, list, logs and down find it', checkName);
  addSandboxLine(program);
  addGeneralOptions(program, VERSION);
  return program;
}

/** @throws as parseCommandLine does */
export function readUpLine(argv: readonly string[]): { name: string; line: SandboxLine } {
  const program = define().parse(argv, { from: 'user' });
  return { name: checkName(program.args[0]), line: readSandboxLine(program) };
}

async function run(argv: readonly string[], caller: CallerState): Promise<number> {
  const { line } = readUpLine(argv);
  const summary = await startSupervisor(['up', ...argv], callerFiles(caller));
  if (summary === undefined) return EXIT_FAILED;
  greet(line, summary);
  return 0;
}

export const up: Subcommand = { define, run };
