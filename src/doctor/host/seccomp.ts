/** Seccomp filters, by which the command is kept from typing into the caller's terminal. Without, a run works. */

import { readFile } from 'node:fs/promises';
import { type Check, ok, warning } from '../check.ts';
import type { HostContext } from './context.ts';

/** What a filter can do here (seccomp(2)); since Linux 4.14. */
const ACTIONS = '/proc/sys/kernel/seccomp/actions_avail';

export const seccomp: Check<HostContext> = {
  id: 'seccomp',
  title: 'seccomp filters',
  needs: [],
  async run() {
    const actions = await readFile(ACTIONS, 'utf8').catch(() => '');
    if (actions.split(/\s/).includes('errno')) return ok('the kernel has them');
    return warning(
      'the kernel has none: a command could type into its terminal (TIOCSTI)',
      'use a kernel with CONFIG_SECCOMP_FILTER, or keep commands that you do not trust off your terminal',
    );
  },
};
