/**
 * Arguments as the bytes that they are.
 *
 * Node reads its arguments as UTF-8, and puts U+FFFD for what is none: a file
 * whose name is in another encoding would not be found any more. The kernel
 * still has the bytes (/proc/self/cmdline, proc(5)), the command's at the end.
 */

import { readFileSync } from 'node:fs';

const REPLACEMENT = '\uFFFD';

export function rawArguments(command: readonly string[]): readonly (string | Uint8Array)[] {
  if (!command.some((argument) => argument.includes(REPLACEMENT))) return command;
  // Each argument ends with a NUL, so the last piece is empty.
  const pieces = readFileSync('/proc/self/cmdline', 'latin1').split('\0').slice(0, -1);
  return pieces.slice(-command.length).map((piece) => Buffer.from(piece, 'latin1'));
}
