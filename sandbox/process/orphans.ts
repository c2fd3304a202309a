/**
 * What a killed guard leaves behind.
 *
 * bubblewrap dies with the guard (PR_SET_PDEATHSIG). Its child arms itself late,
 * though: before that it waits on an eventfd for bubblewrap's word that it may go
 * on. Without bubblewrap it would wait for ever, with the command's stdin, stdout
 * and stderr open; and an eventfd has no end of file (eventfd(2)).
 *
 * So the host looks for it. What is started for a sandbox has one end of the
 * sandbox's own control channel, a socket that nobody else has, and has it under
 * a number that is known. One look is enough: when the guard's end is told, the
 * SIGKILL of bubblewrap is pending (kernel/exit.c, exit_notify), and clone(2)
 * makes no child then (kernel/fork.c, copy_process).
 *
 * Its new user namespace is ours, so we may read its /proc/PID/fd (ptrace(2),
 * PTRACE_MODE_READ_FSCREDS). Init denies that to all but root (native/stub/init.c),
 * and is armed by then.
 *
 * Where the host is killed as well, in the very same moment, nobody is left to
 * look, and nothing of the kernel's does it instead. A pid namespace around
 * bubblewrap would: but it needs a user namespace around it too, which AppArmor
 * may grant to bubblewrap alone, and the host's pids could not be shared in it.
 * PTRACE_O_EXITKILL would: but only where a process may be traced, and then no
 * debugger could follow a launch.
 */

import { closeSync, openSync, readdirSync, readlinkSync } from 'node:fs';
import type { Addon } from '../native/addon.ts';

/** Ends every process that has this socket under this number. */
export function endHolders(api: Addon, fd: number, socketInode: number): void {
  for (const pid of listProcesses()) {
    // The directory stands for the process, and is a pidfd as well: no reuse of the pid misleads either of the two.
    const process = openProcess(pid);
    if (process === undefined) continue;
    try {
      if (targetOf(process, fd) === `socket:[${socketInode}]`) api.pidfdSendSignal(process, SIGKILL);
    } finally {
      closeSync(process);
    }
  }
}

const SIGKILL = 9;

/** None where this process may open no more files. Its set-up fails then anyway, and later everything is armed. */
function listProcesses(): string[] {
  try {
    return readdirSync('/proc').filter((entry) => /^\d+$/.test(entry));
  } catch {
    return [];
  }
}

/** Nothing where it has ended, or others may not see it (hidepid, proc(5)). */
function openProcess(pid: string): number | undefined {
  try {
    return openSync(`/proc/${pid}`, 'r');
  } catch {
    return undefined;
  }
}

/** What its open file is; nothing where it has none, has ended, or is not ours to look into. */
function targetOf(process: number, fd: number): string | undefined {
  try {
    return readlinkSync(`/proc/self/fd/${process}/fd/${fd}`);
  } catch {
    return undefined;
  }
}
