/** `kns-rootless down NAME…`: ends sandboxes, and returns when all of them is gone. */

import { askToEnd } from '../../named/control-client.ts';
import { stateDirectory } from '../../named/state-directory.ts';
import { makeCommand } from '../program.ts';
import type { Subcommand } from '../subcommands.ts';

export const down: Subcommand = async (argv) => {
  const program = makeCommand('kns-rootless down')
    .description('Ends sandboxes with all that runs in them, and returns when they are gone.')
    .argument('<name...>', 'of the sandboxes, as kns-rootless list shows them')
    .parse(argv, { from: 'user' });
  const state = stateDirectory(process.env);
  await Promise.all(program.args.map((name) => askToEnd(state, name)));
  return 0;
};
