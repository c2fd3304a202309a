/** `kns-rootless version`: what --version says. */

import { print } from '../output.ts';
import { makeCommand } from '../program.ts';
import type { Subcommand } from '../subcommands.ts';
import { VERSION } from '../version.ts';

export const version: Subcommand = async (argv) => {
  makeCommand('kns-rootless version').description('Prints the version.').parse(argv, { from: 'user' });
  print(`${VERSION}\n`);
  return 0;
};
