/** How many files this process may have open: what every bound on sockets is a share of. */

import { readFileSync } from 'node:fs';

/** @param limits as proc(5) has them of this process, whose soft limit Node has raised to the hard one */
export function openFileLimit(limits = readFileSync('/proc/self/limits', 'utf8')): number {
  return Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? Number.POSITIVE_INFINITY);
}
