/**
 * An error as the user sees it: one line that says what is wrong and what to
 * do. What is not meant for users is a bug, and comes with its stack.
 */

import { actionLine, isActionable } from '../errors.ts';

export function describeError(error: unknown): string {
  if (isActionable(error)) return `kns-rootless: ${actionLine(error)}`;
  const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return `kns-rootless: internal error, please report it: ${detail}`;
}
