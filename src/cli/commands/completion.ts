/** `kns-rootless completion SHELL`: the script by which a shell completes our command line. */

import { Argument, type Command } from 'commander';
import { scriptFor, SHELLS } from '../completion/script.ts';
import { print } from '../output.ts';
import { makeCommand } from '../program.ts';
import type { Subcommand } from '../subcommands.ts';

const HELP = `
It is sourced where the shell starts:

  ~/.bashrc                    source <(kns-rootless completion bash)
  ~/.zshrc, after compinit     source <(kns-rootless completion zsh)
  ~/.config/fish/config.fish   kns-rootless completion fish | source`;

function define(): Command {
  return makeCommand('kns-rootless completion')
    .usage('bash|zsh|fish')
    .description('Prints a script by which the shell completes options, names and commands.')
    .addArgument(new Argument('<shell>', 'that is to source it').choices(SHELLS))
    .addHelpText('after', HELP);
}

async function run(argv: readonly string[]): Promise<number> {
  const [shell] = define().parse(argv, { from: 'user' }).args;
  print(scriptFor(shell));
  return 0;
}

export const completion: Subcommand = { define, run };
