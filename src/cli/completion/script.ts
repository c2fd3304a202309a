/** The scripts for shells, files beside this one, and beside the program where that is one. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export const SHELLS = ['bash', 'zsh', 'fish'];

export function scriptFor(shell: string): string {
  return readFileSync(join(import.meta.dirname, `completion.${shell}`), 'utf8');
}
