/** Where a process stands among sessions, groups and terminals, as proc(5) tells in its stat. */

import { readFileSync } from 'node:fs';

export interface Standing {
  readonly state: string;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  /** The device number of its controlling terminal; 0 where it has none. */
  readonly terminal: number;
  /** The group in the foreground of that; -1 where there is none. */
  readonly foreground: number;
}

/** @returns undefined where there is no such process, or none that is to be seen */
export function standingOf(pid: number | 'self'): Standing | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name in brackets may hold anything, brackets too.
    const [, state = '', ...numbers] = stat.slice(stat.lastIndexOf(')')).split(' ', 7);
    const [parent = 0, group = 0, session = 0, terminal = 0, foreground = -1] = numbers.map(Number);
    return { state, parent, group, session, terminal, foreground };
  } catch {
    return undefined;
  }
}

/**
 * Whether nobody could continue a process group that this process leads: the
 * kernel stops none that is orphaned (setpgid(2)) by a signal of job control.
 */
export function isOrphaned(leader: Standing): boolean {
  // No parent that is to be seen: the first process of a container, or of a terminal from outside of it.
  if (leader.parent === 0) return true;
  const parent = standingOf(leader.parent);
  return parent !== undefined && parent.session !== leader.session;
}

/** The pid behind a pidfd (proc(5), fdinfo); undefined once it has been waited for. */
export function pidOf(pidfd: number): number | undefined {
  const match = /^Pid:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${pidfd}`, 'latin1'));
  return match ? Number(match[1]) : undefined;
}
