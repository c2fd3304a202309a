/** Programs of others that a test is about: whoever develops may do without one, CI may not (.ci/run installs them). */

import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { test, type TestAPI } from 'vitest';

function isInstalled(program: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** A test that is skipped where its program is missing, but in CI, where it fails. */
export function testWith(program: string): TestAPI | TestAPI['skip'] {
  return isInstalled(program) || process.env['CI'] ? test : test.skip;
}
