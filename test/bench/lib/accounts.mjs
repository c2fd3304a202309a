/** What processes have used, by /proc: proc_pid_stat(5), proc_pid_status(5). */

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** The unit of utime and stime is 1/sysconf(_SC_CLK_TCK) s, which is 1/100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

const FIELDS_BEHIND_NAME = { parent: 1, user: 11, system: 12 };

function statOf(pid) {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name stands in parentheses and may hold any character.
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined; // it has ended
  }
}

/** A process and all that descend from it. */
export function family(root) {
  const children = new Map();
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    const parent = Number.isInteger(pid) ? statOf(pid)?.[FIELDS_BEHIND_NAME.parent] : undefined;
    if (parent !== undefined) children.set(Number(parent), [...(children.get(Number(parent)) ?? []), pid]);
  }
  const found = [root];
  for (const pid of found) found.push(...(children.get(pid) ?? []));
  return found;
}

/** Those of them in this process's own network namespace: a backend without the command it serves. */
export function outside(pids) {
  const here = networkOf('self');
  return pids.filter((pid) => networkOf(pid) === here);
}

function networkOf(pid) {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`);
  } catch {
    return undefined;
  }
}

/** User and system seconds so far of these processes, all their threads included. */
export function cpuSeconds(pids) {
  let ticks = 0;
  for (const pid of pids) {
    const stat = statOf(pid);
    if (stat) ticks += Number(stat[FIELDS_BEHIND_NAME.user]) + Number(stat[FIELDS_BEHIND_NAME.system]);
  }
  return ticks / TICKS_PER_SECOND;
}

export function residentMiB(pids) {
  let kib = 0;
  for (const pid of pids) {
    try {
      kib += Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0);
    } catch {
      continue; // it has ended
    }
  }
  return kib / 1024;
}
