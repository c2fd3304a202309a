/** What a command is given that is not the sandbox's: open files of its caller's. */

import type { Command } from 'commander';
import { parseWhole } from '../values/whole.ts';
import { repeated } from './repeated.ts';

export interface CommandOptions {
  /** Open files that the command gets. */
  readonly fds: readonly number[];
}

export function addCommandOptions(program: Command): void {
  program
    .optionsGroup('Process:')
    .addOption(
      repeated('--fd <number>', 'pass on this open file, may be repeated', (text) =>
        parseWhole(text, '--fd'),
      ),
    );
}

export function readCommandOptions(program: Command): CommandOptions {
  const { fd = [] } = program.opts<{ readonly fd?: readonly number[] }>();
  return { fds: fd };
}
