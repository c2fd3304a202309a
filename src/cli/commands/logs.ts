/** `kns-rootless logs [-f] NAME`: what the host of a sandbox has said. */

import type { Command } from 'commander';
import { readLog } from '../../named/control-client.ts';
import { stateDirectory } from '../../named/state-directory.ts';
import { print } from '../output.ts';
import { makeCommand } from '../program.ts';
import type { Subcommand } from '../subcommands.ts';

function define(): Command {
  return makeCommand('kns-rootless logs')
    .usage('[-f] NAME')
    .description('Shows what the sandbox has met: Services that come and go, what could not be reached.')
    .argument('<sandbox>', 'its name, as kns-rootless list shows it')
    .option('-f, --follow', 'go on until it ends');
}

async function run(argv: readonly string[]): Promise<number> {
  const program = define().parse(argv, { from: 'user' });
  const { follow = false } = program.opts<{ follow?: true }>();
  await readLog(stateDirectory(process.env), program.args[0], follow, ({ time, text }) =>
    print(`${time} ${text}\n`),
  );
  return 0;
}

export const logs: Subcommand = { define, run };
