/**
 * Names of running sandboxes: who has one, has the lock.
 *
 *     STATE/NAME/           locked (flock(2)) by the process that runs the sandbox
 *     STATE/NAME/control    its socket (control-server.ts)
 *
 * The lock ends with its holder, however that ends, so an entry that can be
 * locked is one that was left behind: it is removed by the guard of its sandbox
 * (sandbox/native/stub/entry.c), or by whoever meets it. No pid is ever compared.
 * Two who want the same name both open the directory, and one of them gets the
 * lock.
 *
 * The holder of a lock alone removes an entry. Between opening a directory and
 * locking it, it may have been removed: then the name leads elsewhere, and all
 * begins anew. Who looks for entries left behind holds their locks for a moment,
 * which a name's new owner waits out.
 */

import {
  closeSync,
  constants,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmdirSync,
  rmSync,
  statSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { lockFile } from '../../sandbox/index.ts';
import { UsageError } from '../errors.ts';
import { codeOf } from '../system-error.ts';
import {
  checkStateDirectory,
  makeStateDirectory,
  removeIfEmpty,
  stateDirectoryFailed,
} from './state-directory.ts';

export const SOCKET = 'control';

/** As long as a host name's label, and as harmless in a path. A number is a pid: the name of a run that was given none. */
const NAME = /^(?!\d+$)[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

/** That, or a pid. */
const ENTRY = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

/** A lock that is held for longer than this is its owner's. */
const MAX_ATTEMPTS = 20;
const ATTEMPT_INTERVAL_MS = 10;

export function isName(name: string): boolean {
  return NAME.test(name);
}

/** Throws `SANDBOX_NAME_INVALID`. */
export function checkName(name: string): string {
  if (isName(name)) return name;
  throw new UsageError(
    'SANDBOX_NAME_INVALID',
    `"${name}" can't be the name of a sandbox`,
    'up to 63 letters, digits, dots, dashes and underscores, a letter or digit first, and not digits alone',
  );
}

/** A name that is this process's until it is released. */
export class Claim {
  readonly name: string;
  readonly #state: string;
  readonly #fd: number;
  #held = true;

  private constructor(state: string, name: string, fd: number) {
    this.#state = state;
    this.name = name;
    this.#fd = fd;
  }

  /** @throws UsageError SANDBOX_NAME_TAKEN, STATE_DIRECTORY_… */
  static async take(state: string, name: string): Promise<Claim> {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      makeStateDirectory(state);
      const fd = await lockEntry(join(state, name), true);
      if (typeof fd === 'number') {
        rmSync(entryPath(fd, SOCKET), { force: true });
        return new Claim(state, name, fd);
      }
      await delay(ATTEMPT_INTERVAL_MS);
    }
    throw new UsageError(
      'SANDBOX_NAME_TAKEN',
      `there is a sandbox called "${name}" already`,
      `choose another name, or end that one: kns-rootless down ${name}`,
    );
  }

  /** Where the control socket is to listen: by the open directory, for no path of a socket may be longer than 107 bytes (unix(7)). */
  get socketPath(): string {
    return entryPath(this.#fd, SOCKET);
  }

  get directory(): string {
    return join(this.#state, this.name);
  }

  release(): void {
    if (!this.#held) return;
    this.#held = false;
    removeEntry(this.directory, this.#fd);
    removeIfEmpty(this.#state);
  }
}

/** The names in use, sorted; what was left behind is removed. @throws UsageError STATE_DIRECTORY_… */
export async function liveNames(state: string): Promise<string[]> {
  checkStateDirectory(state);
  const names: string[] = [];
  for (const name of entriesOf(state)) {
    const entry = join(state, name);
    const fd = await lockEntry(entry, false);
    if (typeof fd === 'number') removeEntry(entry, fd);
    else if (fd === 'taken') names.push(name);
  }
  if (names.length === 0) removeIfEmpty(state);
  return names.sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
}

function entriesOf(state: string): string[] {
  try {
    return readdirSync(state);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw stateDirectoryFailed(state, error);
  }
}

/** A path in a directory that is open. */
export function entryPath(fd: number, name: string): string {
  return `/proc/self/fd/${fd}/${name}`;
}

/** Opens the entry of a name, to reach its socket whatever its path's length; undefined where there is none. */
export function findEntry(state: string, name: string): number | undefined {
  return ENTRY.test(name) ? openEntry(join(state, name)) : undefined;
}

function openEntry(entry: string): number | undefined {
  try {
    return openSync(entry, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP'].includes(codeOf(error))) return undefined;
    throw stateDirectoryFailed(entry, error);
  }
}

/** @returns the locked directory; or whether somebody has it, or it is gone */
async function lockEntry(entry: string, make: boolean): Promise<number | 'taken' | 'gone'> {
  if (make) makeEntry(entry);
  const fd = openEntry(entry);
  if (fd === undefined) return 'gone';
  const locked = await lockFile(fd);
  if (locked && leadsTo(entry, fd)) return fd;
  closeSync(fd);
  return locked ? 'gone' : 'taken';
}

function makeEntry(entry: string): void {
  try {
    mkdirSync(entry, { mode: 0o700 });
  } catch (error) {
    // Without its parent, the last to leave was quicker than we were.
    if (!['EEXIST', 'ENOENT'].includes(codeOf(error))) throw stateDirectoryFailed(entry, error);
  }
}

function leadsTo(entry: string, fd: number): boolean {
  const there = statSync(entry, { throwIfNoEntry: false });
  const ours = fstatSync(fd);
  return there?.ino === ours.ino && there.dev === ours.dev;
}

function removeEntry(entry: string, fd: number): void {
  rmSync(entryPath(fd, SOCKET), { force: true });
  try {
    rmdirSync(entry);
  } catch (error) {
    // Somebody has put something there: it stays, and so does its directory, unlocked.
    if (!['ENOTEMPTY', 'EEXIST', 'ENOENT'].includes(codeOf(error))) throw error;
  }
  closeSync(fd);
}
