/** A lock that ends with whoever holds it, however that ends: flock(2). */

import { loadNative } from '../native/addon.ts';

/** Locks the open file or directory until it is closed. @returns false where somebody else has locked it */
export async function lockFile(fd: number): Promise<boolean> {
  const { api } = await loadNative();
  return api.lockFile(fd);
}
