/**
 * The command line: `kns-rootless [options] [--] [command [args…]]`.
 *
 * Our options end at the first operand or at `--`; all that follows belongs to
 * the command, whatever it looks like.
 */

import { Command, Option } from 'commander';
import { UsageError } from '../errors.ts';
import { refuseReserved } from './subcommands.ts';

export interface CommandLine {
  readonly command: readonly string[];
  readonly namespaces: readonly string[];
  readonly context?: string;
  readonly kubeconfig?: string;
  readonly cidr: string;
  readonly demo: boolean;
  /** How often `-v` was given. */
  readonly verbosity: number;
}

interface Options {
  readonly namespace: string[];
  readonly context?: string;
  readonly kubeconfig?: string;
  readonly cidr: string;
  readonly demo?: boolean;
  readonly verbose: number;
}

const DEFAULT_CIDR = '10.0.1.0/24';

/** Words of the command line that may hold our own options; commander's recursion overflows on a command's 100,000. */
const MAX_OPTION_WORDS = 4096;

const HELP = `
Without a command, $SHELL is started. What follows the command, or --, is the command's own.
doctor, down, exec, list, logs, policy and up are kept for subcommands; after -- they are programs.

Examples:
  kns-rootless bash                                   a shell where every Service answers under its name
  kns-rootless -- npm test                            a test run against the cluster
  kns-rootless -n shop -n billing -- curl http://web/ two namespaces; bare names belong to the first
  kns-rootless --demo -- curl http://web/             without a cluster

The exit code is the command's, 128+n where signal n ended it, 127 or 126 where it can't be found or run,
and 125 where kns-rootless itself failed.`;

/**
 * @param argv the arguments after the program's name
 * @throws CommanderError for --help, --version and usage errors; UsageError for reserved names
 */
export function parseCommandLine(argv: readonly string[], version: string, shell: string): CommandLine {
  const program = new Command('kns-rootless')
    .usage('[options] [--] [command [args…]]')
    .description(
      'Runs a command in a rootless sandbox where every Kubernetes Service answers under its own name.',
    )
    .argument('[command...]', 'the command and its arguments')
    .addOption(
      new Option('-n, --namespace <name>', 'namespace, may be repeated')
        .argParser(addNamespace)
        .default([], "the context's"),
    )
    .option('--context <name>', 'context of the kubeconfig')
    .option('--kubeconfig <path>', 'kubeconfig file, instead of $KUBECONFIG or ~/.kube/config')
    .option('--cidr <range>', 'IPv4 range for the addresses in the sandbox', DEFAULT_CIDR)
    .addOption(new Option('--demo', 'use an embedded cluster').conflicts(['context', 'kubeconfig']))
    .addOption(
      new Option('-v, --verbose', 'say what happens; twice: each connection')
        .argParser((_, count: number) => count + 1)
        .default(0, 'quiet'),
    )
    .version(version, '--version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .addHelpText('after', HELP)
    .helpCommand(false)
    .enablePositionalOptions()
    .passThroughOptions()
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(`kns-rootless: ${text.replace(/^error: /, '')}`) })
    .showHelpAfterError('(kns-rootless --help shows the options)');
  const head = argv.slice(0, MAX_OPTION_WORDS);
  program.parse(head, { from: 'user' });
  const options = program.opts<Options>();
  const operands = argv.slice(head.length - program.args.length);
  const escaped = argv[argv.length - operands.length - 1] === '--';
  if (operands.length > 0 && !escaped) refuseReserved(operands[0]);
  return {
    command: operands.length > 0 ? operands : [shell],
    namespaces: options.namespace,
    cidr: options.cidr,
    demo: options.demo ?? false,
    verbosity: options.verbose,
    ...(options.context === undefined ? {} : { context: options.context }),
    ...(options.kubeconfig === undefined ? {} : { kubeconfig: options.kubeconfig }),
  };
}

/** A namespace is a DNS label (RFC 1123), as Kubernetes has it. */
const NAMESPACE = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

function addNamespace(name: string, before: readonly string[]): string[] {
  if (NAMESPACE.test(name)) return [...before, name];
  throw new UsageError(
    'NAMESPACE_INVALID',
    `"${name}" can't be the name of a namespace`,
    'use lower-case letters, digits and dashes; for several namespaces, repeat -n',
  );
}
