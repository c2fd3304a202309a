/** The program that makes sandboxes: for a command, which it exits as, or as the supervisor of one that stays. */

import type { CallerState } from '../../sandbox/index.ts';
import { takeSupervisorRole } from '../named/supervisor-role.ts';
import { runHere } from './commands/run.ts';
import { supervise } from './commands/supervise.ts';
import { endAlike } from './end.ts';
import { enter, type Main } from './entry.ts';
import { greet } from './greeting.ts';
import { parseCommandLine, type SandboxLine } from './program.ts';
import { rawArguments } from './raw-arguments.ts';
import { VERSION } from './version.ts';
import { underUsualFlags } from './young-generation.ts';

type OnStarted = (line: SandboxLine) => void;

export const main: Main = (argv, keepCode) => {
  // All that a start needs has been compiled; what one of the embedded cluster has is not what others need.
  const onStarted: OnStarted = ({ demo }) => {
    if (!demo) setImmediate(() => underUsualFlags(keepCode));
  };
  return enter((caller) => {
    const callerFiles = takeSupervisorRole(process.env);
    return callerFiles === undefined
      ? run(argv, caller, onStarted)
      : supervise(argv.slice(1), callerFiles, onStarted);
  });
};

async function run(argv: readonly string[], caller: CallerState, onStarted: OnStarted): Promise<number> {
  const { command, name, fds, ...line } = parseCommandLine(argv, VERSION, process.env['SHELL'] || '/bin/sh');
  const end = await runHere({
    line,
    command: rawArguments(command),
    fds,
    name,
    caller,
    endsProcess: true,
    onReady: (summary) => {
      greet(line, summary);
      onStarted(line);
    },
  });
  return endAlike(end);
}
