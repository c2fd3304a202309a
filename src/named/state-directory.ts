/**
 * Where running sandboxes are found: a directory of the user's own.
 *
 * `$XDG_RUNTIME_DIR/kns-rootless`, where that is a directory of this user's
 * (XDG Base Directory Specification); else `/tmp/kns-rootless-UID`. In /tmp
 * anybody could have made it first: one that is a link, belongs to somebody
 * else or lets others write is refused. Others are kept from reading it: where
 * it goes in the very moment in which a sandbox is to cover it, bubblewrap makes
 * it anew, for all to read.
 *
 * Whoever may write there can be taken for a sandbox, so it is made before a
 * command starts, and hidden from that. Another one, which this environment does
 * not name, may be seen; but nobody there listens to who is in a sandbox.
 */

import { chmodSync, lstatSync, mkdirSync, rmdirSync, type Stats, statSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { explainLimit, isWritableByOthers } from '../../sandbox/index.ts';
import { UsageError } from '../errors.ts';
import { codeOf } from '../system-error.ts';

const NAME = 'kns-rootless';
/** Not $TMPDIR: every shell of the user has to find the same. */
const SHARED = '/tmp';

const OWNER_ALONE = 0o700;

export type Environment = Readonly<Record<string, string | undefined>>;

export function userId(): number {
  return process.getuid?.() ?? 0;
}

function fallback(): string {
  return join(SHARED, `${NAME}-${userId()}`);
}

function runtimeDirectory(env: Environment): string | undefined {
  const configured = env['XDG_RUNTIME_DIR'];
  if (configured === undefined || !isAbsolute(configured)) return undefined;
  const found = lookAt(configured, statSync);
  return found?.isDirectory() && found.uid === userId() ? configured : undefined;
}

/** Nothing as well where there is no way to it, as to that of the user whose environment a `sudo -E -u` has kept. */
function lookAt(file: string, look: typeof lstatSync): Stats | undefined {
  try {
    return look(file, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

export function stateDirectory(env: Environment): string {
  const runtime = runtimeDirectory(env);
  return runtime === undefined ? fallback() : join(runtime, NAME);
}

/** All of ours that are known here: a command sees none of them. What somebody else has put into such a place hides nothing. */
export function stateDirectories(env: Environment): string[] {
  return [...new Set([stateDirectory(env), fallback()])].filter((directory) => {
    const found = lookAt(directory, lstatSync);
    return found?.isDirectory() && found.uid === userId();
  });
}

/** Makes it where it is missing. @throws UsageError STATE_DIRECTORY_UNSAFE, STATE_DIRECTORY_FAILED */
export function makeStateDirectory(directory: string): void {
  try {
    mkdirSync(directory, { mode: OWNER_ALONE });
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw stateDirectoryFailed(directory, error);
    if (checkStateDirectory(directory)) keepOthersOut(directory);
  }
}

function keepOthersOut(directory: string): void {
  try {
    chmodSync(directory, OWNER_ALONE);
  } catch (error) {
    // In a sandbox, what hides it is read-only.
    throw stateDirectoryFailed(directory, error);
  }
}

/** Before anybody in it is asked. @returns whether there is one. @throws UsageError STATE_DIRECTORY_… */
export function checkStateDirectory(directory: string): boolean {
  const found = mustSee(directory);
  if (found !== undefined) mustBeOwn(directory, found);
  return found !== undefined;
}

function mustSee(directory: string): Stats | undefined {
  try {
    return lstatSync(directory, { throwIfNoEntry: false });
  } catch (error) {
    throw stateDirectoryFailed(directory, error);
  }
}

function mustBeOwn(directory: string, found: Stats): void {
  const refuse = (what: string, remedy: string) => {
    throw new UsageError('STATE_DIRECTORY_UNSAFE', `${directory} ${what}`, remedy);
  };
  const remove = `remove it, or set XDG_RUNTIME_DIR to a directory of your own`;
  if (!found.isDirectory()) refuse('is no directory', remove);
  if (found.uid !== userId()) refuse('belongs to somebody else', remove);
  if (isWritableByOthers(found)) refuse('lets others write', remove);
}

/** The last to leave removes it. What is no directory, or not ours, stays. */
export function removeIfEmpty(directory: string): void {
  try {
    rmdirSync(directory);
  } catch (error) {
    // EBUSY: in a sandbox, what hides it is mounted there.
    const expected = ['ENOTEMPTY', 'EEXIST', 'ENOENT', 'ENOTDIR', 'EPERM', 'EACCES', 'EBUSY', 'EROFS'];
    if (!expected.includes(codeOf(error))) throw error;
  }
}

export function stateDirectoryFailed(directory: string, error: unknown): Error {
  const limit = explainLimit(error);
  if (limit instanceof Error && limit !== error) return limit;
  const reason = error instanceof Error ? error.message : String(error);
  return new UsageError(
    'STATE_DIRECTORY_FAILED',
    `${directory} can't be used: ${reason}`,
    'set XDG_RUNTIME_DIR to a directory that you may write to',
  );
}
