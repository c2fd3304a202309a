/**
 * The command line: `kns-rootless [options] [--] [command [args…]]`.
 *
 * Our options end at the first operand or at `--`; all that follows belongs to
 * the command, whatever it looks like. The options are in `options/`, a file
 * for each heading of --help, which adds its own and reads its own.
 */

import { Command } from 'commander';
import { type AccessOptions, addAccessOptions, readAccessOptions } from './options/access.ts';
import { addGeneralOptions, readVerbosity } from './options/general.ts';
import { addNetworkOptions, type NetworkOptions, readNetworkOptions } from './options/network.ts';
import { addSandboxOptions, readSandboxOptions, type SandboxOptions } from './options/sandbox.ts';
import { addServiceOptions, readServiceOptions, type ServiceOptions } from './options/services.ts';
import { refuseReserved } from './subcommands.ts';

export interface CommandLine extends AccessOptions, ServiceOptions, NetworkOptions, SandboxOptions {
  readonly command: readonly string[];
  /** How often `-v` was given. */
  readonly verbosity: number;
}

/** Words of the command line that may hold our own options; commander's recursion overflows on a command's 100,000. */
const MAX_OPTION_WORDS = 4096;

const HELP = `
Without a command, $SHELL is started. What follows the command, or --, is the command's own.
doctor, as the first word, is a subcommand; down, exec, list, logs, policy and up are kept for more of them.
After -- they are programs.

Examples:
  kns-rootless bash                                   a shell where every Service answers under its name
  kns-rootless -- npm test                            a test run against the cluster
  kns-rootless -n shop -n billing -- curl http://web/ two namespaces; bare names belong to the first
  kns-rootless --demo -- curl http://web/             without a cluster
  kns-rootless doctor -n shop                         would a run work, and what to do where not

The exit code is the command's, 128+n where signal n ended it, 127 or 126 where it can't be found or run,
and 125 where kns-rootless itself failed.`;

/**
 * @param argv the arguments after the program's name
 * @throws CommanderError for --help, --version and usage errors; UsageError for values that make no sense
 */
export function parseCommandLine(argv: readonly string[], version: string, shell: string): CommandLine {
  const program = makeProgram(version);
  const head = argv.slice(0, MAX_OPTION_WORDS);
  program.parse(head, { from: 'user' });
  const operands = argv.slice(head.length - program.args.length);
  const escaped = argv[argv.length - operands.length - 1] === '--';
  if (operands.length > 0 && !escaped) refuseReserved(operands[0]);
  return {
    command: operands.length > 0 ? operands : [shell],
    verbosity: readVerbosity(program),
    ...readAccessOptions(program),
    ...readServiceOptions(program),
    ...readNetworkOptions(program),
    ...readSandboxOptions(program),
  };
}

function makeProgram(version: string): Command {
  const program = makeCommand('kns-rootless')
    .usage('[options] [--] [command [args…]]')
    .description(
      'Runs a command in a rootless sandbox where every Kubernetes Service answers under its own name.',
    )
    .argument('[command...]', 'the command and its arguments')
    .addHelpText('after', HELP)
    .enablePositionalOptions()
    .passThroughOptions();
  addServiceOptions(program);
  addAccessOptions(program);
  addNetworkOptions(program);
  addSandboxOptions(program);
  addGeneralOptions(program, version);
  return program;
}

/** A command line that throws in place of exiting, and complains under our name. */
export function makeCommand(name: string): Command {
  return new Command(name)
    .helpCommand(false)
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(`kns-rootless: ${text.replace(/^error: /, '')}`) })
    .showHelpAfterError(`(${name} --help shows the options)`);
}
