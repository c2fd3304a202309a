/**
 * The command line: `kns-rootless [options] [--] [command [args…]]`.
 *
 * Our options end at the first operand or at `--`; all that follows belongs to
 * the command, whatever it looks like. The options are in `options/`, a file
 * for each heading of --help, which adds its own and reads its own. Those that
 * make a sandbox are shared with `up`.
 */

import { Command, Option } from 'commander';
import { UsageError } from '../errors.ts';
import { checkName } from '../named/registry.ts';
import { type AccessOptions, addAccessOptions, readAccessOptions } from './options/access.ts';
import { addCommandOptions, type CommandOptions, readCommandOptions } from './options/command.ts';
import { addEgressOptions, type EgressOptions, readEgressOptions } from './options/egress.ts';
import { addGeneralOptions, addLogOptions, type LogOptions, readLogOptions } from './options/general.ts';
import { addNetworkOptions, type NetworkOptions, readNetworkOptions } from './options/network.ts';
import { addPortOptions, type PortOptions, readPortOptions } from './options/publish.ts';
import { addSandboxOptions, readSandboxOptions, type SandboxOptions } from './options/sandbox.ts';
import { addServiceOptions, readServiceOptions, type ServiceOptions } from './options/services.ts';
import { print } from './output.ts';
import { refuseReserved } from './subcommand-names.ts';
import { given } from './values/given.ts';

/** What a sandbox is made by. */
export interface SandboxLine
  extends AccessOptions,
    ServiceOptions,
    NetworkOptions,
    EgressOptions,
    PortOptions,
    SandboxOptions,
    LogOptions {}

export interface CommandLine extends SandboxLine, CommandOptions {
  readonly command: readonly string[];
  /** By which the sandbox is found; its process's pid, without. */
  readonly name?: string;
}

/** Words of the command line that may hold our own options. commander passes on the rest as arguments of one call: 100,000 overflow the stack. */
const MAX_OPTION_WORDS = 32_768;

const HELP = `
Without a command, $SHELL is started. What follows the command, or --, is the
command's own.

Subcommands, as the first word (kns-rootless SUBCOMMAND --help shows more):
  up NAME [options]             start a sandbox that stays, without a command
  exec NAME [--] [command…]     run a command in a sandbox that runs
  list, logs NAME, down NAME…   what there is, what it says, its end
  doctor [options]              whether a run would work
  policy explain DEST           what the rules say of a destination
  completion bash|zsh|fish      a script by which the shell completes all this
  help [SUBCOMMAND], version    what --help and --version say
After -- they are programs.

Examples:
  kns-rootless bash                        every Service answers under its name
  kns-rootless -- npm test                 a test run against the cluster
  kns-rootless -n shop -n billing -- curl http://web/
                                           bare names belong to the first, shop
  kns-rootless --demo -- curl http://web/  without a cluster
  kns-rootless doctor -n shop              would it work, and else what to do

The exit code is the command's, 128+n where signal n ended it, 127 or 126 where
it can't be found or run, and 125 where kns-rootless itself failed.`;

/**
 * @param argv the arguments after the program's name
 * @throws CommanderError for --help and --version; UsageError for what makes no sense
 */
export function parseCommandLine(argv: readonly string[], version: string, shell: string): CommandLine {
  const program = defineProgram(version);
  const { operands, escaped } = parseOperands(program, argv);
  if (operands.length > 0 && !escaped) refuseReserved(operands[0]);
  const { name } = program.opts<{ name?: string }>();
  return {
    command: operands.length > 0 ? operands : [shell],
    ...given({ name }),
    ...readCommandOptions(program),
    ...readSandboxLine(program),
  };
}

/** Our options are read into the program; what follows them is told, and whether `--` came before. */
export function parseOperands(
  program: Command,
  argv: readonly string[],
): { operands: readonly string[]; escaped: boolean } {
  const head = argv.slice(0, MAX_OPTION_WORDS);
  program.parse(head, { from: 'user' });
  const operands = argv.slice(head.length - program.args.length);
  return { operands, escaped: argv[argv.length - operands.length - 1] === '--' };
}

export function defineProgram(version: string): Command {
  const program = makeCommand('kns-rootless')
    .usage('[options] [--] [command [args…]]')
    .description(
      'Runs a command in a rootless sandbox where every Kubernetes Service answers under its own name.',
    )
    .argument('[command...]', 'the command and its arguments')
    .addHelpText('after', HELP)
    .enablePositionalOptions()
    .passThroughOptions();
  addSandboxLine(program);
  addCommandOptions(program);
  program.addOption(
    new Option(
      '--name <name>',
      'be found under this name by exec, list, logs and down (default: its pid)',
    ).argParser(checkName),
  );
  addGeneralOptions(program, version);
  return program;
}

/** A command line that throws in place of exiting: a UsageError, or after --help and --version commander's own. */
export function makeCommand(name: string): Command {
  return new Command(name)
    .helpCommand(false)
    .helpOption('-h, --help', 'print this help')
    .configureOutput({
      writeOut: print,
      outputError: () => {}, // thrown instead
    })
    .exitOverride((end) => {
      throw end.exitCode === 0 ? end : invalid(name, end.message);
    });
}

/** What commander says, in one line: `error: unknown option '--lnk'\n(Did you mean --link?)`, for instance. */
function invalid(name: string, message: string): UsageError {
  const what = message
    .replace(/^error: /, '')
    .replace('\n(Did', ' (did')
    .replace(/\.$/, '');
  return new UsageError('COMMAND_LINE_INVALID', what, `${name} --help shows the options`);
}

export function addSandboxLine(program: Command): void {
  addServiceOptions(program);
  addAccessOptions(program);
  addNetworkOptions(program);
  addEgressOptions(program);
  addPortOptions(program);
  addSandboxOptions(program);
  addLogOptions(program);
}

export function readSandboxLine(program: Command): SandboxLine {
  return {
    ...readLogOptions(program),
    ...readAccessOptions(program),
    ...readServiceOptions(program),
    ...readNetworkOptions(program),
    ...readEgressOptions(program),
    ...readPortOptions(program),
    ...readSandboxOptions(program),
  };
}
