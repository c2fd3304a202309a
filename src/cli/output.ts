/**
 * What was asked of us, on stdout: help, lists, logs, findings.
 *
 * A reader that goes away (`logs -f NAME | head -1`) ends us as SIGPIPE would,
 * which Node ignores (signal(7)). What can't be written for another reason, to a
 * disk that is full for instance, is no success.
 */

import { constants } from 'node:os';
import { UsageError } from '../errors.ts';
import { codeOf } from '../system-error.ts';

const EXIT_SIGPIPE = 128 + constants.signals.SIGPIPE;

/** @throws UsageError OUTPUT_FAILED */
export function print(text: string): void {
  process.stdout.write(text);
  // Files and pipes are written to at once, and are known to fail when the call returns.
  const { errored } = process.stdout;
  if (errored === null) return;
  if (codeOf(errored) === 'EPIPE') process.exit(EXIT_SIGPIPE);
  throw new UsageError(
    'OUTPUT_FAILED',
    `stdout can't be written: ${errored.message}`,
    'see whether its disk is full, or send it elsewhere',
  );
}
