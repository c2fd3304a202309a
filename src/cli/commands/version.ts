/** `kns-rootless version`: what --version says. */

import type { Command } from 'commander';
import { print } from '../output.ts';
import { makeCommand } from '../program.ts';
import type { Subcommand } from '../subcommands.ts';
import { VERSION } from '../version.ts';

function define(): Command {
  return makeCommand('kns-rootless version').description('Prints the version.');
}

async function run(argv: readonly string[]): Promise<number> {
  define().parse(argv, { from: 'user' });
  print(`${VERSION}\n`);
  return 0;
}

export const version: Subcommand = { define, run };
