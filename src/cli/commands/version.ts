/** `kns-rootless version`: what --version says. */

import { makeCommand } from '../program.ts';
import type { Subcommand } from '../subcommands.ts';
import { VERSION } from '../version.ts';

export const version: Subcommand = async (argv) => {
  makeCommand('kns-rootless version').description('Prints the version.').parse(argv, { from: 'user' });
  process.stdout.write(`${VERSION}\n`);
  return 0;
};
