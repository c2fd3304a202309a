/**
 * The namespaces of a sandbox as open files, by which other processes join it
 * (setns(2)). kns-netns has them: it opened them before the sandbox's first
 * process closed itself to everybody.
 */

import { closeSync, openSync } from 'node:fs';
import type { NetnsHelper } from '../helper.ts';
import { joinFailed } from './errors.ts';

/** One question to the helper takes microseconds. */
const ANSWER_TIMEOUT_MS = 5_000;

/** In the order in which they are entered: the first gives the right to enter the others. */
const KINDS = ['user', 'net', 'ipc', 'mnt', 'pid'] as const;
type Kind = (typeof KINDS)[number];

/** File descriptors. A sandbox that shares the host's pids has none of its own. */
export type Namespaces = Readonly<Record<Exclude<Kind, 'pid'>, number> & { pid: number | undefined }>;

/** @throws SandboxError JOIN_FAILED */
export async function openNamespaces(helper: NetnsHelper, sharesPids: boolean): Promise<Namespaces> {
  const signal = AbortSignal.timeout(ANSWER_TIMEOUT_MS);
  return gather(sharesPids, async (kind) => (await helper.request(`namespace ${kind}`, signal)).fd);
}

/**
 * Those that another process of this user holds: /proc/PID/fd leads to the very same (proc(5)).
 *
 * @throws SandboxError JOIN_FAILED
 */
export function borrowNamespaces(pid: number, from: Namespaces): Promise<Namespaces> {
  return gather(from.pid === undefined, async (kind) => openSync(`/proc/${pid}/fd/${from[kind]}`, 'r'));
}

async function gather(sharesPids: boolean, open: (kind: Kind) => Promise<number>): Promise<Namespaces> {
  const opened: number[] = [];
  try {
    for (const kind of KINDS) {
      if (kind !== 'pid' || !sharesPids) opened.push(await open(kind));
    }
  } catch (error) {
    for (const fd of opened) closeSync(fd);
    throw joinFailed(error instanceof Error ? error.message : String(error), error);
  }
  return toNamespaces(opened);
}

function toNamespaces([user, net, ipc, mnt, pid]: readonly number[]): Namespaces {
  return { user, net, ipc, mnt, pid };
}

export function closeNamespaces({ user, net, ipc, mnt, pid }: Namespaces): void {
  for (const fd of [user, net, ipc, mnt]) closeSync(fd);
  if (pid !== undefined) closeSync(pid);
}
