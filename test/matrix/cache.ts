/** What the matrix downloads and makes, kept from one run to the next where no tool looks and git does not either. */

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';

const CACHE = join(import.meta.dirname, '../../node_modules/.cache/kns-matrix');

/** A file or directory of the cache, made by `make` at a path beside it where it is not there yet. */
export async function cached(name: string, make: (path: string) => Promise<void>): Promise<string> {
  const path = join(CACHE, name);
  if (existsSync(path)) return path;
  mkdirSync(CACHE, { recursive: true });
  const unfinished = `${path}.unfinished`;
  // What a maker that was killed had mounted there is left alone.
  execFileSync('rm', ['--recursive', '--force', '--one-file-system', unfinished]);
  await make(unfinished);
  renameSync(unfinished, path);
  return path;
}
