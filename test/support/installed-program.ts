/**
 * The program as it is released, in a folder that any user can read.
 *
 * Tests run the bundle and the prebuilt parts, not the sources: what users get
 * is what is tested, and a checkout under a root-only folder does no harm.
 */

import { cpSync, mkdirSync, mkdtempSync, rmSync, chmodSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');

export interface InstalledProgram {
  readonly path: string;
  /** Programs for the inside, of fixtures/guests. */
  readonly guests: string;
  remove(): void;
}

export function installProgram(): InstalledProgram {
  const folder = mkdtempSync(join(tmpdir(), 'kns-installed-'));
  chmodSync(folder, 0o755);
  for (const part of ['dist', 'prebuilt', 'package.json'])
    cpSync(join(ROOT, part), join(folder, part), { recursive: true });
  mkdirSync(join(folder, 'sandbox'));
  cpSync(join(ROOT, 'sandbox/native'), join(folder, 'sandbox/native'), { recursive: true });
  for (const part of ['guests', 'examples'])
    cpSync(join(ROOT, 'fixtures', part), join(folder, part), { recursive: true });
  return {
    path: join(folder, 'dist/kns-rootless'),
    guests: join(folder, 'guests'),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
