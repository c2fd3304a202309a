/** Ids and numbers of open files. */

import { UsageError } from '../../errors.ts';

/** Descriptors are an int (open(2)), and so are ids to bubblewrap. */
const LARGEST = 0x7fff_ffff;

/** Throws `NUMBER_INVALID`. */
export function parseWhole(text: string, option: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value <= LARGEST) return value;
  throw new UsageError(
    'NUMBER_INVALID',
    `${option} can't be "${text}"`,
    `give a whole number from 0 to ${LARGEST}`,
  );
}
