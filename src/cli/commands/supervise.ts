/** The supervisor that `up` has started: a sandbox in this very process, until it is taken down. */

import { UNKNOWN_CALLER } from '../../../sandbox/index.ts';
import { followStarter } from '../../named/supervisor.ts';
import { EXIT_FAILED } from '../exit-codes.ts';
import type { SandboxLine } from '../program.ts';
import { runHere } from './run.ts';
import { readUpLine } from './up.ts';

/** @param argv those of `up` @param callerFiles as `callerFiles` of its caller @returns the exit code */
export async function supervise(
  argv: readonly string[],
  callerFiles: string,
  onStarted: (line: SandboxLine) => void,
): Promise<number> {
  const { name, line } = readUpLine(argv);
  const starter = followStarter(callerFiles, () => process.exit(EXIT_FAILED));
  const { code } = await runHere({
    line,
    fds: [],
    name,
    caller: UNKNOWN_CALLER,
    endsProcess: true,
    onReady: (summary) => {
      starter.ready(summary);
      onStarted(line);
    },
  });
  return code;
}
