/** Programs of the benchmark's own, in C so that a client is not what is measured. */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Compiles `programs/<name>.c`. @returns its path; the folder goes with this process */
export function compile(name) {
  const folder = mkdtempSync(join(tmpdir(), 'kns-bench-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const program = join(folder, name);
  const source = join(import.meta.dirname, '..', 'programs', `${name}.c`);
  execFileSync('cc', ['-O2', '-Wall', '-Wextra', '-Werror', '-o', program, source], { stdio: 'inherit' });
  return program;
}
