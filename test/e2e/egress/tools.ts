/** The real programs that a test is about; `node setup.mjs --tests` brings them where it may. */

import { accessSync, constants, existsSync, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Debian has servers where an ordinary user's PATH may not lead, and each PostgreSQL in a folder of its own. */
const FOLDERS = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', ...postgresFolders()];

function postgresFolders(): string[] {
  const root = '/usr/lib/postgresql';
  return existsSync(root) ? readdirSync(root).map((version) => join(root, version, 'bin')) : [];
}

export function installed(...programs: string[]): boolean {
  return programs.every((program) => find(program) !== undefined);
}

/** @throws where it is not installed */
export function pathOf(program: string): string {
  const path = find(program);
  if (path === undefined) throw new Error(`${program} is not installed`);
  return path;
}

function find(program: string): string | undefined {
  return FOLDERS.map((folder) => join(folder, program)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
