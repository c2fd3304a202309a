import { type Stats, statSync } from 'node:fs';

const WRITABLE_BY_OTHERS = 0o022;

/** Whether its group, or anybody, may write to it. */
export function isWritableByOthers({ mode }: Pick<Stats, 'mode'>): boolean {
  return (mode & WRITABLE_BY_OTHERS) !== 0;
}

/** @returns undefined where there is nothing, or nothing that can be seen */
export function statOf(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}
