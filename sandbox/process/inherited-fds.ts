/**
 * Open files of the caller's that the command asked for: a jobserver's pipe,
 * the sockets of socket activation (sd_listen_fds(3)), `3<file` of a shell.
 *
 * Node has files of its own by now, whose numbers look like any other's. So the
 * script that starts Node notes what was open before (shim/kns-rootless).
 */

import { closeSync, fstatSync } from 'node:fs';
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

/**
 * The files that our caller had open, but for the standard three, as text: a lock that a script holds, a pipe whose
 * end somebody waits for. Each by its number and by what it is, since numbers are used again.
 */
export function callerFiles({ openFds = [] }: CallerState): string {
  return openFds.flatMap((fd) => identityOf(fd) ?? []).join(',');
}

/** @param files as `callerFiles` has named them, in the process that this one was started by */
export function closeCallerFiles(files: string): void {
  for (const file of files.split(',').filter((each) => each !== '')) {
    const fd = Number.parseInt(file, 10);
    if (identityOf(fd) === file) closeOwn(fd);
  }
}

/** Undefined where it is not open. */
function identityOf(fd: number): string | undefined {
  try {
    const { dev, ino } = fstatSync(fd, { bigint: true });
    return `${fd}:${dev}:${ino}`;
  } catch {
    return undefined;
  }
}

function closeOwn(fd: number): void {
  try {
    closeSync(fd);
  } catch {
    // What close(2) could not write is told to the caller, who has it open as well; here it is closed all the same.
  }
}
