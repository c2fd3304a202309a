/** What is said: how much of it, and about the program itself. */

import { type Command, Option } from 'commander';

export function addGeneralOptions(program: Command, version: string): void {
  program
    .optionsGroup('What is said:')
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
