/** What this system is, in its programs' own words. */

import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { release } from 'node:os';
import type { Facts } from './report.ts';

export function gatherFacts(program: string): Facts {
  return {
    kernel: release(),
    bubblewrap: says('bwrap', '--version'),
    node: process.version,
    program: says(program, '--version'),
    libc: says('ldd', '--version').split('\n')[0],
    uid: process.getuid?.() ?? -1,
    cgroup: cgroup(),
  };
}

function says(file: string, ...args: string[]): string {
  try {
    return execFileSync(file, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return 'none';
  }
}

/** Lines of /proc/self/cgroup: `0::PATH` is of v2, `N:controllers:PATH` of v1 (cgroups(7)). */
function cgroup(): Facts['cgroup'] {
  if (!existsSync('/proc/self/cgroup')) return 'none';
  const lines = readFileSync('/proc/self/cgroup', 'utf8').trim().split('\n').filter(Boolean);
  const isMounted = readFileSync('/proc/self/mounts', 'utf8').includes(' /sys/fs/cgroup');
  if (!isMounted || lines.length === 0) return 'none';
  const newer = lines.some((line) => line.startsWith('0::')) && existsSync('/sys/fs/cgroup/cgroup.procs');
  const older = lines.some((line) => !line.startsWith('0::'));
  if (newer && older) return 'v1 and v2';
  return newer ? 'v2' : 'v1';
}
