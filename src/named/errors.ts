/** What both ends of a control socket may have to say. */

import { UsageError } from '../errors.ts';

export function notReady(name: string): UsageError {
  return new UsageError(
    'SANDBOX_NOT_READY',
    `the sandbox "${name}" is not ready, or is ending`,
    'wait until kns-rootless list shows it as running',
  );
}
