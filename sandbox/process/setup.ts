/** What a command's start can meet, in a sandbox of its own or in one that stands: its time, its abort, its limits. */

import { readlinkSync } from 'node:fs';
import { resolve } from 'node:path';
import { SandboxError } from '../errors.ts';
import type { Guard } from './guard.ts';

/** For some connections, and for Node itself. */
const ENOUGH_FILES = 256;

/** The whole set-up takes some 20 ms; a machine that needs this long is stuck. */
const SETUP_TIMEOUT_MS = 10_000;

/** The guard has ended while the sandbox was being set up. */
export class SetupEnded extends Error {
  override readonly name = 'SetupEnded';
}

/**
 * A path from the working directory on; without one, that directory itself.
 *
 * @throws SandboxError CWD_MISSING: one that was removed has no name, and can't be entered again
 */
export function absolutePath(file = '.'): string {
  try {
    return resolve(file);
  } catch (error) {
    throw new SandboxError(
      'CWD_MISSING',
      'the working directory does not exist any more',
      'go to one that does: cd',
      { cause: error },
    );
  }
}

/** What Node puts for bytes that are no UTF-8. */
const REPLACEMENT = '\uFFFD';

/** Where the command starts: a name need not be text. @throws SandboxError CWD_MISSING */
export function workingDirectory(wanted: string | undefined): Uint8Array {
  const directory = absolutePath(wanted);
  const isDoubtful = wanted === undefined && directory.includes(REPLACEMENT);
  return isDoubtful ? readlinkSync('/proc/self/cwd', 'buffer') : Buffer.from(directory);
}

/**
 * One signal for all that ends a set-up early; `done` lets go of the timer and the listener.
 *
 * @param late what it means that there is no end after so many seconds
 */
export function setupSignal(
  guard: Guard,
  late: (seconds: number) => SandboxError,
  abort?: AbortSignal,
): { signal: AbortSignal; done: () => void } {
  const controller = new AbortController();
  const onLate = () => controller.abort(late(SETUP_TIMEOUT_MS / 1000));
  const timer = setTimeout(onLate, SETUP_TIMEOUT_MS);
  const onAbort = () => controller.abort(abort?.reason);
  if (abort?.aborted) onAbort();
  abort?.addEventListener('abort', onAbort);
  void guard.gone.then(() => controller.abort(new SetupEnded()));
  return {
    signal: controller.signal,
    done: () => {
      clearTimeout(timer);
      abort?.removeEventListener('abort', onAbort);
    },
  };
}

export function spawnFailed(reason: string): SandboxError {
  return new SandboxError(
    'SPAWN_FAILED',
    `the sandbox's processes could not be started (${reason})`,
    'for E2BIG shorten the arguments or the environment; for EAGAIN or ENOMEM end other processes, or raise ulimit -u',
  );
}

/** strerror(3) of glibc and musl. */
const NO_ROOM: Readonly<Record<string, 'EAGAIN' | 'ENOMEM'>> = {
  'Resource temporarily unavailable': 'EAGAIN',
  'Cannot allocate memory': 'ENOMEM',
  'Out of memory': 'ENOMEM',
};

/** Why there is no room for a further process or namespace (clone(2)), where the last words of a program say that. */
export function noRoom(words: string): 'EAGAIN' | 'ENOMEM' | undefined {
  return NO_ROOM[words.slice(words.lastIndexOf(': ') + 2)];
}

/** @throws the signal's reason, where that comes first */
export function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

export async function receivePidfd(guard: Guard, signal: AbortSignal): Promise<number> {
  const { fds } = await guard.control.receive(signal);
  const [pidfd] = fds;
  if (pidfd === undefined) throw new Error('kns-stub said it was ready without a pidfd');
  return pidfd;
}

/** A process that may open no more files fails anywhere, in words of its own. */
export function explainLimit(error: unknown): unknown {
  if (!(error instanceof Error && 'code' in error && error.code === 'EMFILE')) return error;
  return new SandboxError(
    'OPEN_FILES_LIMIT',
    'no more files may be opened by this process (EMFILE)',
    `raise the hard limit: ulimit -n ${ENOUGH_FILES}`,
    { cause: error },
  );
}
