/**
 * Loads the program with the code that V8 compiled for it in an earlier run.
 *
 * Compiling is a third of what a start costs. Node's own cache for that
 * (module.enableCompileCache) is not in Node 20, so this is one for all
 * versions: a file in the user's cache for each version of Node and each use of
 * the program, with what that has used by the time its code is kept. A run keeps
 * it when its command starts: what is used later is not in each start's way. V8
 * takes none of another version of its own, nor under other flags of its own, and
 * says so; the program is compiled as ever then, and the file written anew. Its
 * name has that of the program, which build.mjs derives from the content: V8
 * itself compares no more than the length.
 *
 * What is in the file is run as the user. So it is taken only where it belongs
 * to them and nobody else can write it: with sudo, $HOME may be another's.
 * A file is complete or not there (rename(2)). V8 looks at its length alone, and
 * crashes of what a disk has made of the rest, at each start: a checksum is behind
 * it. Where none can be written, nothing is lost but time.
 */

import {
  closeSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, isAbsolute, join } from 'node:path';
import { Script } from 'node:vm';
import { crc32 } from 'node:zlib';

/** What other versions have left goes after this time without a new one. */
const MAX_AGE_MS = 30 * 24 * 3_600_000;

const WRITABLE_BY_OTHERS = 0o022;

const CHECKSUM_BYTES = 4;

export interface LoadedProgram<T> {
  readonly program: T;
  /** To be called once: what has been compiled is there for the next run. */
  readonly keepCode: () => void;
}

/**
 * @param file a CommonJS bundle in ASCII, in the function that Node would wrap it in
 * @param use a word for what it is loaded for: what others use is not in its way
 */
export function loadProgram<T>(
  file: string,
  use: string,
  env: Readonly<Record<string, string | undefined>>,
): LoadedProgram<T> {
  const directory = cacheDirectory(env);
  const name = `${basename(file, '.cjs')}.${use}.${process.version}-${process.arch}`;
  const cachedData = directory === undefined ? undefined : readOwn(join(directory, name));
  // One byte a character: V8 need not look for wider ones.
  const script = new Script(readFileSync(file, 'latin1'), {
    filename: file,
    ...(cachedData === undefined ? {} : { cachedData }),
  });
  const module: { exports: unknown } = { exports: {} };
  script.runInThisContext()(module.exports, createRequire(file), module, file, dirname(file));
  const isFresh = cachedData !== undefined && script.cachedDataRejected !== true;
  return {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the caller names the bundle's own module
    program: module.exports as T,
    keepCode: () => {
      if (directory !== undefined && !isFresh) write(directory, name, script.createCachedData());
    },
  };
}

/** In the user's cache (XDG Base Directory Specification: a relative path is to be ignored). */
function cacheDirectory(env: Readonly<Record<string, string | undefined>>) {
  const { HOME, XDG_CACHE_HOME, NODE_DISABLE_COMPILE_CACHE } = env;
  // Node's own word for the same thing.
  if (NODE_DISABLE_COMPILE_CACHE) return undefined;
  const isGiven = XDG_CACHE_HOME !== undefined && isAbsolute(XDG_CACHE_HOME);
  const base = isGiven ? XDG_CACHE_HOME : HOME && join(HOME, '.cache');
  return base ? join(base, 'kns-rootless', 'code') : undefined;
}

/** @returns the code, where it is ours and as it was written */
function readOwn(file: string): Buffer | undefined {
  try {
    const fd = openSync(file, 'r');
    try {
      const { uid, mode } = fstatSync(fd);
      const isOwn = uid === process.getuid?.() && (mode & WRITABLE_BY_OTHERS) === 0;
      return isOwn ? checked(readFileSync(fd)) : undefined;
    } finally {
      closeSync(fd);
    }
  } catch {
    return undefined; // the first run
  }
}

function checked(content: Buffer): Buffer | undefined {
  const end = content.length - CHECKSUM_BYTES;
  const code = content.subarray(0, end);
  return crc32(code) === content.readUInt32LE(end) ? code : undefined;
}

function withChecksum(code: Buffer): Buffer {
  const checksum = Buffer.alloc(CHECKSUM_BYTES);
  checksum.writeUInt32LE(crc32(code));
  return Buffer.concat([code, checksum]);
}

function write(directory: string, name: string, code: Buffer): void {
  const unfinished = join(directory, `${name}.${process.pid}`);
  try {
    if (!isInOwnFolder(directory)) return;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    writeFileSync(unfinished, withChecksum(code), { mode: 0o600, flag: 'wx' });
    renameSync(unfinished, join(directory, name));
    removeOld(directory);
  } catch {
    removeIfThere(unfinished); // a home that can't be written to, or is full
  }
}

function removeIfThere(file: string): void {
  try {
    rmSync(file, { force: true });
  } catch {
    // Then it never was.
  }
}

/** Of what is there already of the way to it, the last belongs to the user. */
function isInOwnFolder(directory: string): boolean {
  const there = statSync(directory, { throwIfNoEntry: false });
  if (there !== undefined) return there.uid === process.getuid?.();
  const parent = dirname(directory);
  return parent !== directory && isInOwnFolder(parent);
}

function removeOld(directory: string): void {
  const oldest = Date.now() - MAX_AGE_MS;
  for (const name of readdirSync(directory)) {
    const file = join(directory, name);
    if (statSync(file).mtimeMs < oldest) rmSync(file, { force: true });
  }
}
