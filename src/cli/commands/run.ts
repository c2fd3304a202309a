/** One session in this very process, under a name by which others find it. */

import type { CallerState, CommandEnd } from '../../../sandbox/index.ts';
import { NamedHost } from '../../named/host.ts';
import { stateDirectories } from '../../named/state-directory.ts';
import { createLog, type Log } from '../../observe/log.ts';
import { openLogFile } from '../../observe/log-file.ts';
import { runSession, type SessionSummary } from '../../session/session.ts';
import type { rawArguments } from '../raw-arguments.ts';
import { summaryLines } from '../greeting.ts';
import type { SandboxLine } from '../program.ts';
import { errorText } from '../report.ts';
import { withDemo } from '../with-demo.ts';
import { keepYoungGenerationSmall } from '../young-generation.ts';

export interface RunOptions {
  readonly line: SandboxLine;
  /** Without, the sandbox stands until it is ended. */
  readonly command?: ReturnType<typeof rawArguments>;
  readonly fds: readonly number[];
  /** undefined: the pid, and nothing is lost where even that can't be had. */
  readonly name: string | undefined;
  readonly caller: CallerState;
  /** Without, lines on stderr. */
  readonly log?: Log;
  /** As a session's options have it. */
  readonly endsProcess: boolean;
  readonly onReady: (summary: SessionSummary) => void;
}

/** @returns how the command ended */
export async function runHere({ onReady, log: given, ...options }: RunOptions): Promise<CommandEnd> {
  const { verbosity, logFile } = options.line;
  const log = given ?? createLog(logFile === undefined ? verbosity : 0);
  if (logFile === undefined) return runTold(log, { ...options, onReady });
  const file = await openLogFile(logFile, verbosity, log);
  try {
    return await runTold(file.log, {
      ...options,
      onReady(summary) {
        file.keep(summaryLines(summary).join('\n'));
        onReady(summary);
      },
    });
  } catch (error) {
    file.keep(errorText(error));
    throw error;
  } finally {
    await file.close();
  }
}

async function runTold(log: Log, { line, name, ...options }: Omit<RunOptions, 'log'>): Promise<CommandEnd> {
  // Of somebody else's process it is not ours to say.
  if (options.endsProcess) keepYoungGenerationSmall();
  const host = await NamedHost.open(name, log);
  const { files } = line;
  try {
    return await withDemo(line.demo, (kubeconfig) =>
      runSession({
        ...line,
        ...options,
        ...kubeconfig,
        files: { ...files, hidden: [...(files.hidden ?? []), ...stateDirectories(process.env)] },
        ...host.entry,
        log: host.log,
        onStanding: (session) => host.attend(session),
      }),
    );
  } finally {
    await host.close();
  }
}
