/** Ids and numbers of open files. */

import { UsageError } from '../../errors.ts';

/** Ids are 32 bits wide, and the last one means "leave it" (chown(2)). */
const LARGEST = 0xffff_fffe;

/** Throws `NUMBER_INVALID`. */
export function parseWhole(text: string, option: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value <= LARGEST) return value;
  throw new UsageError(
    'NUMBER_INVALID',
    `${option}: "${text}" is no number`,
    `give a whole number from 0 on`,
  );
}
