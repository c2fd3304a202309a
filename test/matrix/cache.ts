/** What the matrix downloads and makes, kept from one run to the next where no tool looks and git does not either. */

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CellResult } from './cell.ts';

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

/** What the cells' last runs were. */
const RESULTS = join(CACHE, 'results.json');

function keptResults(): Record<string, CellResult> {
  return existsSync(RESULTS) ? JSON.parse(readFileSync(RESULTS, 'utf8')) : {};
}

export function keepResult(cell: string, result: CellResult): void {
  mkdirSync(CACHE, { recursive: true });
  writeFileSync(RESULTS, JSON.stringify({ ...keptResults(), [cell]: result }, undefined, 1));
}

export function keptResult(cell: string): CellResult | undefined {
  return keptResults()[cell];
}
