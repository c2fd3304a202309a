/** What is said: how much of it, and about the program itself. */

import { type Command, Option } from 'commander';
import { given } from '../values/given.ts';

export interface LogOptions {
  /** How often `-v` was given. */
  readonly verbosity: number;
  /** Where what is said with `-v` is kept, in place of stderr. */
  readonly logFile?: string;
}

const HEADING = 'What is said:';

/** Of what makes a sandbox; `addGeneralOptions` has the rest. */
export function addLogOptions(program: Command): void {
  program
    .optionsGroup(HEADING)
    .option('--log-file <file>', 'what -v and -vv say is added there, with the time, and not to stderr');
}

export function readLogOptions(program: Command): LogOptions {
  const { logFile } = program.opts<{ logFile?: string }>();
  return { verbosity: readVerbosity(program), ...given({ logFile }) };
}

export function addGeneralOptions(program: Command, version: string): void {
  program
    .optionsGroup(HEADING)
    .addOption(
      new Option('-v, --verbose', 'say what happens; twice: each connection')
        .argParser((_, count: number) => count + 1)
        .default(0, 'quiet'),
    )
    .version(version, '--version', 'print the version')
    .helpOption('-h, --help', 'print this help');
}

export function readVerbosity(program: Command): number {
  return program.opts<{ verbose: number }>().verbose;
}
