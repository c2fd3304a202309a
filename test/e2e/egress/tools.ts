/** Whether there are the real programs that a test is about; set-up brings them where it may. */

import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

export function installed(...programs: string[]): boolean {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  return programs.every((program) => folders.some((folder) => isExecutable(join(folder, program))));
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
