/** What connects to a server of ours, and the far end that it is joined to. */

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as settled } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { openSocketStates, openStreamSockets, type StreamSockets } from '../../../sandbox/index.ts';
import { addressBytes } from '../../../src/egress/address-bytes.ts';
import { DirectStream } from '../../../src/egress/tcp/direct-stream.ts';
import { dialTcp, Resets } from '../../../src/egress/index.ts';
import { roomForConnections } from '../../../src/publish/tcp/room.ts';
import { type SpliceOptions, Splices } from '../../../src/publish/tcp/splices.ts';
import { openDuplex } from '../../../src/relay/duplex.ts';
import { IdleBlocks } from '../../../src/relay/read-blocks.ts';
import { LINGER_TIMEOUT_MS } from '../../../src/relay/linger.ts';
import type { Dial } from '../../../src/relay/relay.ts';
import { RemoteStreamError } from '../../../src/relay/stream.ts';
import { until } from '../../support/until.ts';
import { LogLines, Probe } from '../cluster/probe.ts';

let log: LogLines;
let splices: Splices;
let near: Server;
let far: Server;
const sockets: Socket[] = [];
let streamSockets: StreamSockets;

beforeAll(async () => {
  streamSockets = await openStreamSockets();
});
afterAll(() => streamSockets.close());

const told = () => log.lines.filter((line) => !line.startsWith('debug: '));

beforeEach(async () => {
  log = new LogLines();
  splices = new Splices(log, 'near');
  far = createServer({ allowHalfOpen: true });
  await once(far.listen(0, '127.0.0.1'), 'listening');
});
afterEach(async () => {
  near.close();
  await splices.close();
  far.close();
  for (const socket of sockets.splice(0)) socket.destroy();
});

const portOf = (server: Server) => (server.address() as AddressInfo).port;

async function serve(options: Partial<SpliceOptions> = {}): Promise<void> {
  near = splices.server({ label: 'near', dial: dialTcp('127.0.0.1', portOf(far)), ...options });
  await once(near.listen(0, '127.0.0.1'), 'listening');
}

/** The far end is dialled once `go` is called, which who `isAsked` waits for. */
async function serveHeld(): Promise<{ isAsked: () => boolean; go: () => void }> {
  let go: (() => void) | undefined;
  const dial = dialTcp('127.0.0.1', portOf(far));
  await serve({
    dial: async (signal) => new Promise<void>((resolve) => (go = resolve)).then(() => dial(signal)),
  });
  return { isAsked: () => go !== undefined, go: () => go?.() };
}

function client(): Socket {
  const socket = connect({ port: portOf(near), host: '127.0.0.1', allowHalfOpen: true });
  sockets.push(socket);
  return socket;
}

const dialDirect =
  (port: number): Dial =>
  (events) =>
    new DirectStream(streamSockets, { address: addressBytes('127.0.0.1'), port }, new IdleBlocks(), events);

async function accepted(): Promise<Socket> {
  const [socket]: Socket[] = await once(far, 'connection');
  if (socket === undefined) throw new Error('no socket');
  sockets.push(socket);
  return socket;
}

test('bytes both ways, and each end ends by itself', async () => {
  await serve();
  const server = accepted();
  const asks = client();
  asks.end('question');
  const answers = await server;
  expect(await received(answers)).toBe('question');
  // The client has sent its FIN, and reads on.
  answers.end('answer');
  expect(await received(asks)).toBe('answer');
});

test('the far end may end first', async () => {
  await serve();
  const server = accepted();
  const asks = client();
  const answers = await server;
  answers.end('at once');
  expect(await received(asks)).toBe('at once');
  asks.end('later');
  expect(await received(answers)).toBe('later');
});

test.each(['near', 'far'])('a reset of the %s end is one of the other', async (which) => {
  await serve();
  const server = accepted();
  const asks = client();
  const answers = await server;
  asks.write('x');
  await once(answers, 'data');
  answers.write('y');
  await once(asks, 'data');
  const [resets, hears] = which === 'near' ? [asks, answers] : [answers, asks];
  const heard = once(hears, 'error');
  resets.resetAndDestroy();
  expect(await heard).toMatchObject([{ code: 'ECONNRESET' }]);
});

test.each(['near', 'far'])(
  'a reset of the %s end that is read together with what came before it is no end',
  async (which) => {
    await serve();
    const server = accepted();
    const asks = client();
    asks.write('x');
    const answers = await server;
    await once(answers, 'data');
    const [resets, hears] = which === 'near' ? [asks, answers] : [answers, asks];
    const heard = wholeOf(hears);
    resets.write('last words');
    resets.resetAndDestroy();
    expect(await heard).toBe('last words, reset');
  },
);

test('who answers what is still being sent to it, and reads no more, is heard', async () => {
  far.on('connection', (socket) => {
    socket.on('error', () => {});
    socket.once('data', () => socket.pause().write('too large', () => socket.resetAndDestroy()));
  });
  await serve();
  const answers: string[] = [];
  for (let i = 0; i < 30; i++) {
    // Node's own socket would be lost with its answer, when a write fails.
    const asks = new Probe(dialDirect(portOf(near)));
    await asks.established;
    void asks.send(new Uint8Array(8 << 20));
    await asks.ending;
    asks.stream.destroy();
    answers.push(asks.text);
  }
  expect(answers).toEqual(answers.map(() => 'too large'));
});

test('what a remote stream brought before its reset is delivered first, to a slow client too', async () => {
  const size = 4 << 20;
  let reset: (() => void) | undefined;
  await serve({
    bypasses: true,
    dial: (signal) =>
      openDuplex((events) => {
        queueMicrotask(() => {
          events.onEstablished();
          events.onData(Buffer.alloc(size, 'x'));
          reset = () => events.onError(new RemoteStreamError('reset', 'the pod has reset it'));
        });
        return { write: (_, done) => done(), end() {}, pause() {}, resume() {}, destroy() {} };
      }, signal),
  });
  const asks = client().pause();
  await until(async () => reset !== undefined);
  reset?.();
  let bytes = 0;
  asks.on('data', ({ length }: Buffer) => {
    bytes += length;
    asks.pause();
    setImmediate(() => asks.resume());
  });
  asks.resume();
  // Node takes a reset for an end where bytes come right before it.
  await new Promise((resolve) => asks.once('error', resolve).once('end', resolve));
  expect(bytes).toBe(size);
});

test('where the far end refuses, the client is reset, and the log says so', async () => {
  await serve({ dial: () => Promise.reject(new Error('nobody listens')) });
  expect(await once(client(), 'error')).toMatchObject([{ code: 'ECONNRESET' }]);
  expect(told()).toEqual(['info: near: nobody listens']);
});

test('past the bound a client is reset, and the log says so', async () => {
  splices = new Splices(log, 'near', 1);
  await serve();
  const server = accepted();
  const first = client();
  await server;
  expect(await once(client(), 'error')).toMatchObject([{ code: 'ECONNRESET' }]);
  expect(told()).toEqual(['info: near: reset, 1 connections are open']);
  const next = accepted();
  (await server).destroy();
  first.destroy();
  await until(async () => (await connections(near)) === 0);
  client();
  await next;
});

test.each([
  [1024, 170],
  [1_048_576, 4096],
  [Number.POSITIVE_INFINITY, 4096],
])('of %d open files, %i connections', (files, room) => {
  expect(roomForConnections(files)).toBe(room);
});

test('a dial that is under way is given up at the end', async () => {
  let signal: AbortSignal | undefined;
  await serve({
    dial: (given) => {
      signal = given;
      return new Promise((_, reject) => given.addEventListener('abort', () => reject(new Error('given up'))));
    },
  });
  client().on('error', () => {});
  await until(async () => signal !== undefined);
  await splices.close();
  expect(signal?.aborted).toBe(true);
  expect(told()).toEqual([]);
});

test('a client that resets while its far end is dialled has the dial given up', async () => {
  let signal: AbortSignal | undefined;
  await serve({
    dial: (given) => {
      signal = given;
      return new Promise((_, reject) => given.addEventListener('abort', () => reject(new Error('given up'))));
    },
  });
  const asks = client();
  asks.write('question');
  await until(async () => signal !== undefined);
  asks.resetAndDestroy();
  await until(async () => signal?.aborted === true);
  expect(told()).toEqual([]);
});

test('what a client sends while its far end is dialled waits, its FIN too, and is held up past a bound', async () => {
  const held = await serveHeld();
  const server = accepted();
  const connected = once(near, 'connection');
  const asks = client();
  asks.end(Buffer.alloc(32 << 20, 'x'));
  const [taken]: Socket[] = await connected;
  await until(async () => (taken?.bytesRead ?? 0) > 0 && held.isAsked());
  expect(taken?.bytesRead).toBeLessThan(1 << 20);
  held.go();
  expect(await received(await server)).toHaveLength(32 << 20);
});

test('a client that says nothing and closes is heard to, though its far end comes later', async () => {
  const held = await serveHeld();
  const server = accepted();
  const connected = once(near, 'connection');
  client().end();
  const [taken]: Socket[] = await connected;
  await until(async () => (taken?.readableEnded ?? false) && held.isAsked());
  held.go();
  const answers = await server;
  expect(await received(answers)).toBe('');
  answers.end();
  await until(async () => (await connections(near)) === 0);
});

test('a far end that comes too late is closed', async () => {
  let come: ((socket: Socket) => void) | undefined;
  await serve({
    dial: () => new Promise((resolve) => (come = resolve)),
  });
  client().on('error', () => {});
  await until(async () => come !== undefined);
  void splices.close();
  await until(async () => (await connections(near)) === 0);
  const server = accepted();
  come?.(await dialTcp('127.0.0.1', portOf(far))(new AbortController().signal));
  expect(await received(await server)).toBe('');
});

test('a reader that stops holds the sender up', async () => {
  await serve();
  const server = accepted();
  const asks = client();
  const reads = (await server).pause();
  const block = Buffer.alloc(1 << 20);
  let taken = 0;
  const write = (): void => {
    while (asks.write(block, () => (taken += block.length)));
  };
  asks.on('drain', write);
  write();
  let before = -1;
  await until(async () => {
    const isStill = taken === before;
    before = taken;
    return isStill && taken > 0;
  });
  // What the kernel's buffers hold on the way, of two connections; far from all that is offered.
  expect(taken).toBeLessThan(64 << 20);
  asks.off('drain', write);
  const held = taken;
  reads.resume();
  await until(async () => taken > held);
});

/** More than all buffers on the way hold. */
const MANY_BYTES = 2 ** 28;

test('who goes on sending to a client that has gone, and reads nothing of it, is ended', async () => {
  await serve();
  const server = accepted();
  const asks = client();
  const answers = (await server).pause();
  let isClosed = false;
  answers.on('error', () => {}).once('close', () => (isClosed = true));
  const chunk = Buffer.alloc(65_536);
  // Until all buffers on the way are full: from then on the client's socket is not read.
  let [taken, seen] = [0, 0];
  const fill = (): void => {
    taken++;
    if (!asks.destroyed) asks.write(chunk, fill);
  };
  asks.write(chunk, fill);
  await until(async () => {
    const isFull = taken > 0 && taken === seen;
    seen = taken;
    return isFull;
  });
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'setTimeout', 'clearTimeout', 'hrtime'] });
  onTestFinished(() => void vi.useRealTimers());
  asks.on('error', () => {}).resetAndDestroy();
  let sentBytes = 0;
  const send = (error?: Error | null): void => {
    if (error) return;
    sentBytes += chunk.length;
    if (sentBytes < MANY_BYTES) answers.write(chunk, send);
  };
  send();
  while (!isClosed) {
    vi.advanceTimersByTime(LINGER_TIMEOUT_MS);
    await settled();
  }
  expect(sentBytes).toBeLessThan(MANY_BYTES);
});

test('the preface comes first', async () => {
  await serve({ preface: (socket) => Buffer.from(`from ${socket.remotePort}\n`) });
  const server = accepted();
  const asks = client();
  asks.end('hello');
  const got = await received(await server);
  expect(got).toBe(`from ${(asks.localPort ?? 0).toString()}\nhello`);
});

test('at the end, what the far end has said last is passed on', async () => {
  await serve();
  const server = accepted();
  const asks = client();
  (await server).end(Buffer.alloc(1 << 20, 'x'));
  await splices.close();
  expect(await received(asks)).toHaveLength(1 << 20);
});

test('at the end, who has connected last is heard out', async () => {
  splices = new Splices(log, 'far');
  const held = await serveHeld();
  const server = accepted();
  client().end('last words');
  await until(async () => held.isAsked());
  const closed = splices.close();
  held.go();
  expect(await received(await server)).toBe('last words');
  await closed;
});

test('at the end, what has neither end in the sandbox is reset at once, also where the far end is dialled', async () => {
  await serve({ bypasses: true });
  const server = accepted();
  const asks = client();
  (await server).on('error', () => {}).write('hello');
  await once(asks, 'data');
  const other = splices.server({ label: 'other', bypasses: true, dial: untilGivenUp });
  await once(other.listen(0, '127.0.0.1'), 'listening');
  const joining = connect({ port: portOf(other), host: '127.0.0.1' });
  await once(other, 'connection');
  const heard = [once(asks, 'error'), once(joining, 'error')];
  other.close();
  void splices.close();
  expect(await Promise.all(heard)).toMatchObject([[{ code: 'ECONNRESET' }], [{ code: 'ECONNRESET' }]]);
});

test('at the end nothing is open', async () => {
  await serve();
  const server = accepted();
  const asks = client().on('error', () => {});
  const answers = (await server).on('error', () => {});
  const closed = splices.close();
  expect(await Promise.all([received(asks), received(answers)])).toEqual(['', '']);
  await closed;
});

/** All up to the other end's FIN; the socket stays open. */
async function received(socket: Socket): Promise<string> {
  let all = '';
  socket.setEncoding('utf8').on('data', (chunk: string) => (all += chunk));
  await once(socket, 'end');
  return all;
}

/** All that came, and whether a reset was behind it; Node alone takes one for an end where both are read together. */
async function wholeOf(socket: Socket): Promise<string> {
  const { errnoOf } = await openSocketStates();
  const resets = new Resets(socket, errnoOf, () => {});
  let all = '';
  socket.setEncoding('utf8').on('data', (chunk: string) => (all += chunk));
  return new Promise((resolve) => {
    socket.once('error', () => resolve(`${all}, reset`));
    socket.once('end', () => resolve(resets.behindEnd === undefined ? all : `${all}, reset`));
  });
}

function connections(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.getConnections((error, count) => (error === null ? resolve(count) : reject(error)));
  });
}

function untilGivenUp(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('given up'))));
}

test('urgent data of a client comes in its place, also where it comes before the far end is there', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'kns-urgent-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const program = join(folder, 'client');
  execFileSync(process.env['CC'] ?? 'cc', ['-o', program, join(import.meta.dirname, 'urgent-client.c')]);
  const held = await serveHeld();
  const server = accepted();
  const connected = once(near, 'connection');
  const client = spawn(program, [String(portOf(near))]);
  onTestFinished(() => void client.kill());
  const [taken]: Socket[] = await connected;
  await until(async () => (taken?.bytesRead ?? 0) > 0 && held.isAsked());
  held.go();
  const hears = await server;
  expect(await received(hears)).toBe('before!after');
  hears.end();
});
