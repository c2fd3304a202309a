/** What a sandbox may have to say of its name, at either end of its control socket. */

import { UsageError } from '../errors.ts';

export function notReady(name: string): UsageError {
  return new UsageError(
    'SANDBOX_NOT_READY',
    `the sandbox "${name}" is not ready, or is ending`,
    'wait until kns-rootless list shows it as running',
  );
}

/** By `down`, from elsewhere. */
export function endedEarly(name: string): UsageError {
  return new UsageError(
    'SANDBOX_ENDED',
    `the sandbox "${name}" was ended before it was ready`,
    `start it again: kns-rootless up ${name}`,
  );
}
