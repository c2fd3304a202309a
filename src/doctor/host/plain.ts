/**
 * bubblewrap as a run starts it: without the ambient capabilities (capabilities(7)) that a user who is not root
 * may have, from systemd or pam_cap for instance. It ends at once where it finds some.
 */

import { readFileSync } from 'node:fs';
import { loadNative } from '../../../sandbox/index.ts';

/** @returns the program to start, and its first arguments */
export async function plain(bwrap: string): Promise<readonly [string, ...string[]]> {
  const hasNone = !/^CapAmb:.*[1-9a-f]/m.test(readFileSync('/proc/self/status', 'latin1'));
  if (hasNone) return [bwrap];
  const { stub } = await loadNative();
  return [stub, 'plain', bwrap];
}
