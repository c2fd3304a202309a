/** What the kernel shows of a connection's path, on real sockets. */
import { once } from 'node:events';
import net, { type AddressInfo, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { pathIsAlive } from '../../../src/cluster/pipe/kernel-view.ts';

let server: net.Server;
let near: Socket;
let far: Socket;

beforeEach(async () => {
  server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  near = net.connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [accepted] = (await once(server, 'connection')) as [Socket];
  far = accepted;
  if (near.connecting) await once(near, 'connect');
});

afterEach(() => {
  near.destroy();
  far.destroy();
  server.close();
});

test('a path on which all is acknowledged is alive, also where the far end reads nothing', async () => {
  expect(pathIsAlive(near)).toBe(true);
  far.pause();
  while (near.write(Buffer.alloc(1 << 20)) || near.writableLength < 1 << 24);
  await new Promise((resolve) => setImmediate(resolve));
  expect(pathIsAlive(near)).toBe(true);
});

test('of what is no connection any more nothing is known', async () => {
  const closed = once(near, 'close');
  near.destroy();
  await closed;
  expect(pathIsAlive(near)).toBeUndefined();
});
