/** Who may ask a sandbox, where the kernel tells who it is and /proc nothing of it. */

import { Socket } from 'node:net';
import { beforeEach, expect, test, vi } from 'vitest';
import { admitClient } from '../../../src/named/peer.ts';

const peer = vi.hoisted(() => ({ pid: 0, uid: 0 }));
vi.mock('../../../sandbox/index.ts', () => ({ peerOf: async () => peer }));

const USER = 1001;

let socket: Socket;

beforeEach(() => {
  socket = new Socket();
  Reflect.set(socket, '_handle', { fd: 0 });
  return () => vi.restoreAllMocks();
});

/** @param uid of who asks a sandbox of `owner` from another pid namespace */
function asks(uid: number, owner: number): Promise<void> {
  peer.uid = uid;
  vi.spyOn(process, 'getuid').mockReturnValue(owner);
  return admitClient(socket);
}

test('root is obeyed by another user’s sandbox', async () => {
  await expect(asks(0, USER)).resolves.toBeUndefined();
});

test.each([USER, 0])('user %i is not, by its own: it may be in a sandbox', async (uid) => {
  await expect(asks(uid, uid)).rejects.toMatchObject({
    code: 'CONTROL_DENIED',
    message: "who asks can't be seen from here",
  });
});
