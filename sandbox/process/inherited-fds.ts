/**
 * Open files of the caller's that the command asked for: a jobserver's pipe,
 * the sockets of socket activation (sd_listen_fds(3)), `3<file` of a shell.
 *
 * Node has files of its own by now, whose numbers look like any other's. So the
 * script that starts Node notes what was open before (shim/kns-rootless).
 */

import { closeSync, fstatSync, readdirSync, readFileSync } from 'node:fs';
import { SandboxError } from '../errors.ts';
import type { CallerState } from './caller.ts';

/** As many as kns-stub takes (native/stub/stub.h). */
const MAX_INHERITED = 64;

/** The first number that is not one of the standard three. */
const FIRST = 3;

function isOpen(fd: number): boolean {
  try {
    fstatSync(fd);
    return true;
  } catch {
    return false;
  }
}

function invalid(message: string, remedy: string): SandboxError {
  return new SandboxError('FD_INVALID', message, remedy);
}

/** @returns each number once. @throws SandboxError FD_INVALID */
export function inheritedFds(wanted: readonly number[], caller: CallerState | undefined): number[] {
  const fds = [...new Set(wanted)];
  if (fds.length > MAX_INHERITED)
    throw invalid(`${fds.length} open files to pass on`, `pass ${MAX_INHERITED} at most`);
  for (const fd of fds) {
    if (!Number.isInteger(fd) || fd < FIRST)
      throw invalid(`${fd} is no file to pass on`, 'name a number from 3 on; 0, 1 and 2 are passed always');
    if (!isOpen(fd) || caller?.openFds?.includes(fd) === false)
      throw invalid(
        `file descriptor ${fd} is not open`,
        `open it for us, as a shell does by ${fd}<file or ${fd}>&1`,
      );
  }
  return fds;
}

/** In the flags of an open file that fdinfo shows (proc(5)), octal. */
const O_CLOEXEC = 0o2000000;

/** What children inherit. One that is closed by now is not. */
function isInheritable(fd: number): boolean {
  try {
    const [, flags] = /^flags:\s*([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1')) ?? [];
    return flags !== undefined && (parseInt(flags, 8) & O_CLOEXEC) === 0;
  } catch {
    return false;
  }
}

/**
 * Closes what our caller had open, but for the standard three: a lock that a script holds, a pipe whose end
 * somebody waits for. Node's own files and ours are none that children inherit, and neither are those of the
 * caller's that Node knows of: it makes them so as it starts, and stops looking at the first gap.
 */
export function closeCallerFiles(): void {
  const fds = readdirSync('/proc/self/fd').map(Number);
  for (const fd of fds) if (fd >= FIRST && isInheritable(fd)) closeSync(fd);
}
