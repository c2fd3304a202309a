/** The program: finds out what is asked for, does it, and exits as the command did. */

import { CommanderError } from 'commander';
import { readCallerState } from '../../sandbox/index.ts';
import { endAlike } from './end.ts';
import { EXIT_FAILED } from './exit-codes.ts';
import { greet } from './greeting.ts';
import { parseCommandLine } from './program.ts';
import { rawArguments } from './raw-arguments.ts';
import { describeError } from './report.ts';
import { subcommand } from './subcommands.ts';
import { VERSION } from './version.ts';
import { underUsualFlags } from './young-generation.ts';

/** @param keepCode called once a command runs: all that a start needs has been compiled */
export async function main(argv: readonly string[], keepCode: () => void): Promise<number> {
  const caller = readCallerState(process.env);
  surviveDeafReaders();
  process.once('uncaughtException', fail);
  try {
    const asked = await subcommand(argv[0]);
    if (asked !== undefined) return await asked.run(argv.slice(1), caller);
    const { command, name, fds, ...line } = parseCommandLine(
      argv,
      VERSION,
      process.env['SHELL'] || '/bin/sh',
    );
    // All that knows of clusters is loaded here, and not for what only looks after sandboxes.
    const { runHere } = await import('./commands/run.ts');
    const end = await runHere({
      line,
      command: rawArguments(command),
      fds,
      name,
      caller,
      endsProcess: true,
      onReady: (summary) => {
        greet(line, summary);
        // What a run of the embedded cluster has compiled is not what others need.
        if (!line.demo) setImmediate(() => underUsualFlags(keepCode));
      },
    });
    return endAlike(end);
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

/** A bug, met outside of what `main` awaits; Node's own exit code for it could be the command's. */
function fail(error: unknown): void {
  process.stderr.write(`${describeError(error)}\n`);
  process.exit(EXIT_FAILED);
}
