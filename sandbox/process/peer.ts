/** Who is at the other end of a Unix socket, by the kernel's word: SO_PEERCRED of unix(7). */

import { loadNative } from '../native/addon.ts';

/** Who has connected, or who listens, as it was then; ids are as this process's namespaces have them. */
export interface Peer {
  readonly pid: number;
  readonly uid: number;
}

export async function peerOf(fd: number): Promise<Peer> {
  const { api } = await loadNative();
  const [pid, uid] = api.peerOf(fd);
  return { pid, uid };
}
