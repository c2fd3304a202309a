/**
 * An error as the user sees it: one line that says what is wrong and what to
 * do, and which check of the doctor looks into it. What is not meant for users
 * is a bug, and comes with its stack.
 */

import { checkOf } from '../doctor/check-of.ts';
import { actionLine, isActionable } from '../errors.ts';

export function describeError(error: unknown): string {
  return `kns-rootless: ${errorText(error)}`;
}

/** The same, without whose line it is. */
export function errorText(error: unknown): string {
  if (isActionable(error)) {
    const check = checkOf(error.code);
    const more = check === undefined ? '' : ` (kns-rootless doctor: ${check})`;
    return `${actionLine(error)}${more}`;
  }
  const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return `internal error, please report it: ${detail}`;
}
