/**
 * Limits of this process that a run may meet: open files and processes.
 *
 * Each connection takes a file or two, so a low limit shows under load alone; a
 * sandbox takes some processes. Neither keeps a run from starting unless it is
 * very low, so that it is a warning; where it is, the link or the self-test fails.
 */

import { readdir, readFile } from 'node:fs/promises';
import { type Check, type Finding, ok, warning } from '../check.ts';
import type { HostContext } from './context.ts';

/** Some hundred connections at once. */
const ENOUGH_FILES = 1_024;
/** Of a sandbox, a login plugin, and the threads of Node in both. */
const ENOUGH_PROCESSES = 64;

export const limits: Check<HostContext> = {
  id: 'limits',
  title: 'limits',
  needs: [],
  timeoutMs: 10_000,
  async run() {
    const own = await readFile('/proc/self/limits', 'utf8');
    // Node raises the soft limit of files to the hard one.
    const files = limitOf(own, 'Max open files', 'hard');
    const [processes, group] = await Promise.all([processRoom(own), groupRoom()]);
    const room = Math.min(processes, group);
    return judge(files, room, group < processes);
  },
};

function judge(files: number, room: number, byGroup: boolean): Finding {
  const message = `${text(files)} open files, room for ${text(room)} more processes`;
  const facts = { openFiles: text(files), processes: text(room) };
  if (files < ENOUGH_FILES) {
    return warning(
      message,
      `raise the hard limit of open files, for many connections: ulimit -Hn ${ENOUGH_FILES}`,
      { facts },
    );
  }
  if (room < ENOUGH_PROCESSES) {
    const remedy = byGroup
      ? "raise the control group's pids.max (a container: --pids-limit), or end other processes in it"
      : "raise the user's limit of processes (ulimit -u), or end other processes of the same user";
    return warning(message, remedy, { facts });
  }
  return ok(message, { facts });
}

/** As proc(5) has it: name, soft limit, hard limit, unit. */
function limitOf(limits: string, name: string, which: 'soft' | 'hard'): number {
  const match = new RegExp(`^${name}\\s+(\\S+)\\s+(\\S+)`, 'm').exec(limits);
  return numberOf(match?.[which === 'soft' ? 1 : 2]);
}

/** RLIMIT_NPROC counts the threads of all processes of the user (getrlimit(2)); root has no such limit. */
async function processRoom(limits: string): Promise<number> {
  const uid = process.getuid?.() ?? 0;
  const limit = limitOf(limits, 'Max processes', 'soft');
  if (uid === 0 || limit === Number.POSITIVE_INFINITY) return Number.POSITIVE_INFINITY;
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const threads = await Promise.all(pids.map((pid) => threadsOf(pid, uid)));
  return Math.max(0, limit - threads.reduce((sum, count) => sum + count, 0));
}

async function threadsOf(pid: string, uid: number): Promise<number> {
  // It may have ended meanwhile.
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  if (Number(/^Uid:\s*(\d+)/m.exec(status)?.[1]) !== uid) return 0;
  return Number(/^Threads:\s*(\d+)/m.exec(status)?.[1] ?? 0);
}

/** What the nearest control group leaves (cgroups(7), pids); of version 2, or of version 1 as it is usually mounted. */
async function groupRoom(): Promise<number> {
  const groups = await readFile('/proc/self/cgroup', 'utf8').catch(() => '');
  const folders = groups.split('\n').flatMap((line) => {
    const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (controllers === '') return [`/sys/fs/cgroup${path}`];
    return controllers?.split(',').includes('pids') ? [`/sys/fs/cgroup/pids${path}`] : [];
  });
  const rooms = await Promise.all(
    folders.map(async (folder) => {
      const [max, current] = await Promise.all(
        ['pids.max', 'pids.current'].map((file) => readFile(`${folder}/${file}`, 'utf8').catch(() => 'max')),
      );
      return Math.max(0, numberOf(max.trim()) - Number(current.trim() === 'max' ? 0 : current));
    }),
  );
  return Math.min(Number.POSITIVE_INFINITY, ...rooms);
}

function numberOf(text = 'unlimited'): number {
  return text === 'unlimited' || text === 'max' ? Number.POSITIVE_INFINITY : Number(text);
}

function text(count: number): string {
  return count === Number.POSITIVE_INFINITY ? 'unlimited' : String(count);
}
