/** Resets of real sockets whose other end reads late, or not at all. */

import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { openSocketStates, type SocketStates } from '../../../sandbox/index.ts';
import { LateResets } from '../../../src/publish/tcp/late-resets.ts';

/** Stays in the kernels' buffers in part, whoever reads none of it. */
const SIZE = 16 << 20;

let server: Server;
let resets: Socket;
let hears: Socket;
let unsentOf: SocketStates['unsentOf'];

beforeAll(async () => {
  ({ unsentOf } = await openSocketStates());
});

beforeEach(async () => {
  server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  hears = connect((server.address() as AddressInfo).port, '127.0.0.1').pause();
  [resets] = await once(server, 'connection');
  resets.on('error', () => {});
});
afterEach(() => {
  for (const socket of [resets, hears]) socket.destroy();
  server.close();
});

/** Node takes a reset for an end where bytes come right before it. */
async function heard(): Promise<number> {
  let bytes = 0;
  hears.on('data', ({ length }: Buffer) => (bytes += length)).resume();
  await new Promise((resolve) => hears.once('error', resolve).once('end', resolve));
  return bytes;
}

test('with nothing to wait for it is a reset', async () => {
  new LateResets().add(resets, unsentOf);
  expect(await once(hears.resume(), 'error')).toMatchObject([{ code: 'ECONNRESET' }]);
});

test.each([5, SIZE])('all of %i bytes arrives before', async (size) => {
  resets.write(Buffer.alloc(size));
  new LateResets().add(resets, unsentOf);
  expect(await heard()).toBe(size);
});

test('what was ended before is reset too', async () => {
  hears.allowHalfOpen = true;
  resets.end(Buffer.alloc(SIZE));
  new LateResets().add(resets, unsentOf);
  const closed = once(resets, 'close');
  hears.resume();
  await closed;
  expect(resets.writableFinished).toBe(true);
});

test('who takes nothing for too long loses the rest', async () => {
  resets.write(Buffer.alloc(SIZE));
  const closed = once(resets, 'close');
  new LateResets(100).add(resets, unsentOf);
  await closed;
  expect(await heard()).toBeLessThan(SIZE);
});

test('a socket that closes meanwhile is let go', async () => {
  const late = new LateResets();
  resets.write(Buffer.alloc(SIZE));
  late.add(resets, unsentOf);
  resets.destroy();
  late.add(resets, unsentOf);
  await once(resets, 'close');
});
