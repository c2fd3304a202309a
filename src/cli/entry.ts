/** What both programs do around their work: who called is noted, and errors are said. */

import { CommanderError } from 'commander';
import { type CallerState, readCallerState } from '../../sandbox/index.ts';
import { EXIT_FAILED } from './exit-codes.ts';
import { describeError } from './report.ts';

/** @param argv the arguments after the program's name @param keepCode as of a LoadedProgram @returns the exit code */
export type Main = (argv: readonly string[], keepCode: () => void) => Promise<number>;

/** @returns the exit code that `work` returns, or that of its failure */
export async function enter(work: (caller: CallerState) => Promise<number>): Promise<number> {
  const caller = readCallerState(process.env);
  surviveDeafReaders();
  process.once('uncaughtException', fail);
  try {
    return await work(caller);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode; // --help, --version
    process.stderr.write(`${describeError(error)}\n`);
    return EXIT_FAILED;
  }
}

/** A reader of our own lines that goes away (`2>&1 | head -1`) is no reason to end the command; output.ts looks after stdout. */
function surviveDeafReaders(): void {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
}

/** A bug, met outside of what `enter` awaits; Node's own exit code for it could be the command's. */
function fail(error: unknown): void {
  process.stderr.write(`${describeError(error)}\n`);
  process.exit(EXIT_FAILED);
}
