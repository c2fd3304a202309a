/**
 * bubblewrap: where it is, and whether it has what a sandbox is made of.
 *
 * Its version is told and never compared: distributions carry patches back.
 * What it can do is asked of its own --help, option by option.
 */

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { findBwrap } from '../../../sandbox/index.ts';
import { type Check, failed, ok } from '../check.ts';
import type { HostContext } from './context.ts';
import { plain } from './plain.ts';

const run = promisify(execFile);

/** What every launch uses (sandbox/launch.ts, sandbox/process/privilege.ts). */
const NEEDED = [
  '--unshare-user',
  '--unshare-net',
  '--unshare-pid',
  '--unshare-ipc',
  '--as-pid-1',
  '--cap-drop',
  '--die-with-parent',
  '--info-fd',
  '--block-fd',
];

export const bubblewrap: Check<HostContext> = {
  id: 'bubblewrap',
  title: 'bubblewrap',
  needs: [],
  timeoutMs: 10_000,
  async run({ env }, signal) {
    const path = findBwrap(env['PATH']);
    const [file, ...first] = await plain(path);
    const [version, help] = await Promise.all([
      output(file, [...first, '--version'], signal),
      output(file, [...first, '--help'], signal),
    ]);
    const missing = NEEDED.filter((option) => !new RegExp(`^\\s*${option}\\b`, 'm').test(help));
    if (help === '') {
      return failed({
        code: 'BWRAP_FAILED',
        message: `${path} can't be run, or says nothing`,
        remedy: 'see what it says: bwrap --help; and install the package bubblewrap anew',
      });
    }
    if (missing.length > 0) {
      return failed(
        {
          code: 'BWRAP_FAILED',
          message: `${path} (${version}) does not know ${missing.join(', ')}`,
          remedy: 'install bubblewrap 0.4 or later, and see that it comes first in PATH',
        },
        { facts: { path, version, missing } },
      );
    }
    return ok(`${path}, ${version}, not set-uid, has all the ${NEEDED.length} options that are used`, {
      facts: { path, version },
    });
  },
};

/** What it prints, whatever its exit code; '' where it can't be run. */
async function output(file: string, args: readonly string[], signal: AbortSignal): Promise<string> {
  try {
    const { stdout } = await run(file, args, { signal });
    return stdout.trim();
  } catch (error) {
    return error instanceof Error && 'stdout' in error ? String(error.stdout).trim() : '';
  }
}
