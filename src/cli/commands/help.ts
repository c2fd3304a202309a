/** `kns-rootless help [SUBCOMMAND]`: what --help says, of the program or of a subcommand. */

import { UsageError } from '../../errors.ts';
import { makeCommand, parseCommandLine } from '../program.ts';
import { type Subcommand, subcommand } from '../subcommands.ts';
import { VERSION } from '../version.ts';

const HELP = '--help';

export const help: Subcommand = async (argv, caller) => {
  const program = makeCommand('kns-rootless help')
    .usage('[SUBCOMMAND]')
    .description('Shows the options, of a subcommand where one is named.')
    .argument('[subcommand]', 'such as up or doctor')
    .parse(argv, { from: 'user' });
  const [word] = program.args;
  // Both throw what commander throws for --help.
  if (word === undefined) parseCommandLine([HELP], VERSION, '');
  const asked = await subcommand(word);
  if (asked !== undefined) return asked([HELP], caller);
  throw new UsageError(
    'SUBCOMMAND_UNKNOWN',
    `there is no subcommand "${word}"`,
    'kns-rootless help names those that there are',
  );
};
