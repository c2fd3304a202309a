/** Finds the processes of one run by a mark in their environment, whatever namespace they live in. */

import { readdirSync, readFileSync } from 'node:fs';

export interface ProcessInfo {
  readonly pid: number;
  readonly command: string;
  /** The fields of /proc/PID/status, see proc(5). */
  readonly status: Readonly<Record<string, string>>;
}

/** Every process that has `NAME=value` in the environment it was started with, zombies left out. */
export function processesMarked(mark: string): ProcessInfo[] {
  const found: ProcessInfo[] = [];
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const info = read(Number(entry), mark);
    if (info !== undefined) found.push(info);
  }
  return found;
}

function read(pid: number, mark: string): ProcessInfo | undefined {
  try {
    if (!readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0').includes(mark)) return undefined;
    const command = readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ').trim();
    const lines = readFileSync(`/proc/${pid}/status`, 'latin1').trim().split('\n');
    const status = Object.fromEntries(lines.map((line) => line.split(/:\s*/, 2)));
    return { pid, command, status };
  } catch {
    return undefined; // it has ended meanwhile, or is not ours to look at
  }
}

/** The children of a process, those too that let nobody look into them. */
export function childrenOf(parent: number): Pick<ProcessInfo, 'pid' | 'command'>[] {
  const children: Pick<ProcessInfo, 'pid' | 'command'>[] = [];
  for (const pid of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    try {
      const [, ppid] = /^PPid:\s*(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1')) ?? [];
      const command = readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ').trim();
      if (Number(ppid) === parent) children.push({ pid: Number(pid), command });
    } catch {
      // It has ended meanwhile.
    }
  }
  return children;
}

const POLL_MS = 10;

/** Waits until no such process is left. @throws after `limitMs`, naming those that are. */
export async function noneMarked(mark: string, limitMs = 5000): Promise<void> {
  const deadline = performance.now() + limitMs;
  for (let left = processesMarked(mark); left.length > 0; left = processesMarked(mark)) {
    if (performance.now() > deadline)
      throw new Error(`still there after ${limitMs} ms: ${left.map((each) => each.command).join('; ')}`);
    // The kernel tells nobody when a stranger's process ends.
    await new Promise((resume) => setTimeout(resume, POLL_MS));
  }
}
