/** The program: reads the command line, runs one session, and exits as the command did. */

import { CommanderError } from 'commander';
import { readCallerState } from '../../sandbox/index.ts';
import { createLog } from '../observe/log.ts';
import { runSession, type SessionSummary } from '../session/session.ts';
import { EXIT_FAILED } from './exit-codes.ts';
import { type CommandLine, parseCommandLine } from './program.ts';
import { rawArguments } from './raw-arguments.ts';
import { describeError } from './report.ts';
import { VERSION } from './version.ts';

export async function main(argv: readonly string[]): Promise<number> {
  const caller = readCallerState(process.env);
  surviveDeafReaders();
  process.once('uncaughtException', fail);
  try {
    if (argv[0] === 'doctor') return await doctor(argv.slice(1));
    const line = parseCommandLine(argv, VERSION, process.env['SHELL'] || '/bin/sh');
    const log = createLog(line.verbosity);
    const cluster = line.demo ? await startDemo() : undefined;
    try {
      return await runSession({
        ...line,
        command: rawArguments(line.command),
        ...(cluster === undefined ? {} : { kubeconfigText: cluster.kubeconfig }),
        caller,
        log,
        onReady: (summary) => greet(line, summary),
      });
    } finally {
      await cluster?.close();
    }
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_FAILED;
    process.stderr.write(`${describeError(error)}\n`);
    return EXIT_FAILED;
  }
}

/** A reader of our own lines that goes away (`2>&1 | head -1`) is no reason to end the command. */
function surviveDeafReaders(): void {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
}

/** A bug, met outside of what `main` awaits; Node's own exit code for it could be the command's. */
function fail(error: unknown): void {
  process.stderr.write(`${describeError(error)}\n`);
  process.exit(EXIT_FAILED);
}

/** A line for each context at a terminal, so that nobody works on the wrong cluster unknowingly. */
function greet(line: CommandLine, summary: SessionSummary): void {
  if (!process.stderr.isTTY && line.verbosity === 0) return;
  for (const { context, selection, serviceCount } of summary) {
    const services = serviceCount === 1 ? 'Service' : 'Services';
    process.stderr.write(`kns-rootless: context ${context}, ${selection}, ${serviceCount} ${services}\n`);
  }
}

/** Loaded for those who ask. */
async function doctor(argv: readonly string[]): Promise<number> {
  const command = await import('./commands/doctor.ts');
  return command.doctor(argv);
}

async function startDemo() {
  const { startDemoCluster } = await import('./demo.ts');
  return startDemoCluster();
}
