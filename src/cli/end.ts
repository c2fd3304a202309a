/**
 * Our end, as that of the command was.
 *
 * At a Ctrl-C a shell ends its script or loop where its child was killed by it,
 * and goes on where the child has an exit code, which says that the child made
 * something of the key (bash(1), SIGNALS). So what SIGINT has killed kills us as
 * well. For all other signals the exit code says enough, and no second core is
 * dumped.
 */

import { constants } from 'node:os';
import type { CommandEnd } from '../../sandbox/index.ts';

/** @returns the exit code, where we are not to die or our caller ignores the signal */
export function endAlike({ code, signal }: CommandEnd): number {
  if (signal === constants.signals.SIGINT) process.kill(process.pid, 'SIGINT');
  return code;
}
