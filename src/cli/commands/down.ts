/** `kns-rootless down NAME…`: ends sandboxes, and returns when all of them is gone. */

import type { Command } from 'commander';
import { askToEnd } from '../../named/control-client.ts';
import { stateDirectory } from '../../named/state-directory.ts';
import { EXIT_FAILED } from '../exit-codes.ts';
import { makeCommand } from '../program.ts';
import { describeError } from '../report.ts';
import type { Subcommand } from '../subcommands.ts';

function define(): Command {
  return makeCommand('kns-rootless down')
    .usage('NAME…')
    .description('Ends sandboxes with all that runs in them, and returns when they are gone.')
    .argument('<sandbox...>', 'their names, as kns-rootless list shows them');
}

async function run(argv: readonly string[]): Promise<number> {
  const program = define().parse(argv, { from: 'user' });
  const state = stateDirectory(process.env);
  const ends = await Promise.allSettled(program.args.map((name) => askToEnd(state, name)));
  const failures = ends.filter((end) => end.status === 'rejected');
  for (const { reason } of failures) process.stderr.write(`${describeError(reason)}\n`);
  return failures.length === 0 ? 0 : EXIT_FAILED;
}

export const down: Subcommand = { define, run };
