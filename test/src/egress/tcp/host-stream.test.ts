import { EventEmitter, once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { Server, Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { openDatagramSockets, openStreamSockets, type StreamSockets } from '../../../../sandbox/index.ts';
import { addressBytes } from '../../../../src/egress/address-bytes.ts';
import { DirectDialer } from '../../../../src/egress/direct.ts';
import { openFileLimit } from '../../../../src/egress/open-files.ts';
import { dialTcp } from '../../../../src/egress/tcp/dial.ts';
import { HostStream } from '../../../../src/egress/tcp/host-stream.ts';
import { DirectStream } from '../../../../src/egress/tcp/direct-stream.ts';
import { IdleBlocks } from '../../../../src/relay/read-blocks.ts';
import type { Dial } from '../../../../src/relay/relay.ts';
import { Probe } from '../../cluster/probe.ts';
import { until } from '../../../support/until.ts';
import { closedPort, listening } from '../../session/api-server/support.ts';

const open: Server[] = [];
afterEach(() => {
  for (const server of open.splice(0)) server.close();
});

let sockets: StreamSockets;
beforeAll(async () => {
  sockets = await openStreamSockets();
});
afterAll(() => sockets.close());

const dialDirect =
  (port: number): Dial =>
  (events) =>
    new DirectStream(sockets, { address: addressBytes('127.0.0.1'), port }, new IdleBlocks(), events);

const DIALS: readonly { readonly kind: string; readonly dial: (port: number) => Dial }[] = [
  { kind: 'HostStream', dial: (port) => (events) => new HostStream(dialTcp('127.0.0.1', port), events) },
  {
    // As one that a proxy has been talked to by.
    kind: 'HostStream, reading ahead',
    dial: (port) => (events) => new HostStream((signal) => dialTcp('127.0.0.1', port)(signal), events),
  },
  { kind: 'DirectStream', dial: dialDirect },
];

/** The state of a connection that is over, whose port may be somebody's again (tcp_states.h of the kernel). */
const TIME_WAIT = '06';

/** Of our socket at this port: when the kernel asks its peer next (proc_net_tcp.txt of the kernel, timer_active 2). */
function keepAliveTimerS(port = 0): number | undefined {
  const local = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const line = readFileSync('/proc/self/net/tcp', 'utf8')
    .split('\n')
    .map((text) => text.trim().split(/\s+/))
    .find((fields) => fields[1] === local && fields[3] !== TIME_WAIT);
  const [active, ticks = ''] = (line?.[5] ?? '').split(':');
  return active === '02' ? parseInt(ticks, 16) / 100 : undefined;
}

describe.each(DIALS)('a stream to a host socket: $kind', ({ dial }) => {
  /** A stream to a server that does this with the connection. */
  async function streamTo(onConnection: (socket: Socket) => void): Promise<Probe> {
    const { server, port } = await listening(onConnection);
    open.push(server);
    const probe = new Probe(dial(port));
    await probe.established;
    return probe;
  }

  /** A whole exchange later, what came to others has been noticed. */
  async function exchange(): Promise<void> {
    const other = await streamTo((socket) => socket.once('data', () => socket.end('other')));
    await other.send('x');
    await other.ending;
  }

  test('carries bytes both ways, and each end by itself', async () => {
    const probe = await streamTo((socket) => socket.pipe(socket));
    await probe.send('hello');
    probe.stream.end();
    expect(await probe.ending).toEqual({ kind: 'end' });
    expect(probe.text).toBe('hello');
    probe.stream.destroy();
  });

  test('once both sides have ended, what was written is still sent', async () => {
    const chunk = new Uint8Array(4 << 20);
    let received = 0;
    let allReceived: Promise<unknown> | undefined;
    const probe = await streamTo((socket) => {
      socket.on('data', (data) => (received += data.length));
      allReceived = once(socket, 'end');
      socket.end();
    });
    await probe.ending;
    void probe.send(chunk);
    probe.stream.end();
    probe.stream.destroy();
    await allReceived;
    expect(received).toBe(chunk.length);
  });

  test('destroyed before its time, it resets the far end', async () => {
    let far: Socket | undefined;
    const probe = await streamTo((socket) => {
      far = socket;
      socket.write('x');
    });
    await probe.until(() => probe.bytes > 0);
    if (far === undefined) throw new Error('not connected');
    const error = once(far.resume(), 'error');
    probe.stream.destroy();
    probe.stream.destroy();
    expect(await error).toEqual([expect.objectContaining({ code: 'ECONNRESET' })]);
    expect(probe.events).toEqual(['established', 'data']);
  });

  // Node's own reset fails while a shutdown is under way, and leaves the socket open for good.
  test('destroyed in the turn in which it has ended, it resets the far end', async () => {
    let far: Socket | undefined;
    const probe = await streamTo((socket) => {
      far = socket;
      socket.write('x');
    });
    await probe.until(() => probe.bytes > 0);
    const socket = far?.resume();
    let failed = false;
    socket?.once('error', () => (failed = true));
    probe.stream.end();
    probe.stream.destroy();
    // After a FIN, the far end hears of the reset when it writes.
    await until(async () => {
      socket?.write('x');
      return failed;
    });
  });

  test('paused, it keeps the far end waiting, and loses nothing', async () => {
    const size = 8 << 20;
    const probe = await streamTo((socket) => socket.end(new Uint8Array(size)));
    probe.stream.pause();
    const before = probe.bytes;
    probe.stream.resume();
    await probe.ending;
    expect(before).toBeLessThan(size);
    expect(probe.bytes).toBe(size);
  });

  test('paused, it has the end of a short answer once it goes on', async () => {
    const probe = await streamTo((socket) => socket.once('data', () => socket.end('short')));
    probe.stream.pause();
    await probe.send('x');
    await exchange();
    probe.stream.resume();
    expect(await probe.ending).toEqual({ kind: 'end' });
    expect(probe.text).toBe('short');
  });

  test('the far end is asked after a minute of silence', async () => {
    let port: number | undefined;
    const probe = await streamTo((socket) => {
      port = socket.remotePort;
      // In the end it is reset.
      socket.on('error', () => {}).end('x');
    });
    await probe.ending;
    // What others open and close meanwhile may hide a line of the list.
    const seconds = await vi.waitUntil(() => keepAliveTimerS(port));
    expect(seconds).toBeGreaterThan(50);
    expect(seconds).toBeLessThanOrEqual(61);
    probe.stream.destroy();
  });

  test('a reset of the far end is told', async () => {
    const probe = await streamTo((socket) => socket.once('data', () => socket.resetAndDestroy()));
    void probe.send('x');
    expect(await probe.ending).toMatchObject({ kind: 'error', error: { reason: 'reset' } });
  });

  const answer = new Uint8Array(40 << 10);
  const answerAndReset = (socket: Socket): void => void socket.write(answer, () => socket.resetAndDestroy());

  test('what came right before a reset is read before it is told', async () => {
    const probe = await streamTo((socket) => socket.once('data', () => answerAndReset(socket)));
    void probe.send('x');
    expect(await probe.ending).toMatchObject({ kind: 'error', error: { reason: 'reset' } });
    expect([probe.bytes, probe.events]).toEqual([answer.length, ['established', 'data', 'reset']]);
  });

  test('a reset behind the end that it has sent itself is told as well', async () => {
    const probe = await streamTo((socket) => socket.resume().once('end', () => answerAndReset(socket)));
    probe.stream.end();
    expect(await probe.ending).toMatchObject({ kind: 'error', error: { reason: 'reset' } });
    expect(probe.bytes).toBe(answer.length);
  });

  test('paused, it has what came before a reset once it goes on', async () => {
    const probe = await streamTo((socket) => socket.once('data', () => answerAndReset(socket)));
    probe.stream.pause();
    await probe.send('x');
    await exchange();
    expect(probe.events).toEqual(['established']);
    probe.stream.resume();
    expect(await probe.ending).toMatchObject({ kind: 'error', error: { reason: 'reset' } });
    expect(probe.bytes).toBe(answer.length);
  });

  test('paused, it has what came some time before a reset', async () => {
    let far: Socket | undefined;
    const probe = await streamTo((socket) => socket.once('data', () => void (far = socket).write('short')));
    probe.stream.pause();
    await probe.send('x');
    await exchange();
    far?.resetAndDestroy();
    await exchange();
    expect(probe.events).toEqual(['established']);
    probe.stream.resume();
    expect(await probe.ending).toMatchObject({ kind: 'error', error: { reason: 'reset' } });
    expect(probe.text).toBe('short');
  });

  test('a write that finds a reset behind the end is told', async () => {
    let far: Socket | undefined;
    const probe = await streamTo((socket) => (far = socket).end('all'));
    expect(await probe.ending).toEqual({ kind: 'end' });
    far?.resetAndDestroy();
    const taken = [probe.send('x'), probe.send('y')];
    await until(async () => probe.events.includes('reset'));
    await Promise.all(taken);
    expect(probe.events).toEqual(['established', 'data', 'end', 'reset']);
  });

  test('what came before a reset is read to the end, when a write finds it first', async () => {
    let taken = 0;
    let far: Socket | undefined;
    const probe = await streamTo((socket) => void (far = socket.pause()));
    await probe.send('a request that nobody reads');
    probe.stream.pause();
    await until(async () => far !== undefined);
    await new Promise((resolve) => {
      far?.write(answer, resolve);
    });
    far?.resetAndDestroy();
    for (let i = 0; i < 3; i++) probe.stream.write(new Uint8Array(1 << 10), () => taken++);
    await until(async () => probe.events.includes('broken pipe'));
    expect([probe.bytes, probe.events]).toEqual([0, ['established', 'broken pipe']]);
    probe.stream.resume();
    expect(await probe.ending).toMatchObject({ kind: 'error', error: { reason: 'reset' } });
    expect([probe.bytes, taken]).toEqual([answer.length, 3]);
  });

  test('a refusal is told as one', async () => {
    const port = await closedPort();
    const probe = new Probe(dial(port));
    expect(await probe.ending).toMatchObject({ kind: 'error', error: { reason: 'refused' } });
  });

  test('what a slow far end has not taken is kept, and told when it is', async () => {
    const accepted = new EventEmitter<{ socket: [Socket] }>();
    const connection = once(accepted, 'socket');
    const probe = await streamTo((socket) => accepted.emit('socket', socket.pause()));
    const [far] = (await connection) as [Socket];
    const size = 8 << 20;
    const taken: number[] = [];
    const sent = [0, 1, 2].map(async (i) => {
      await probe.send(new Uint8Array(size).fill(i));
      taken.push(i);
    });
    expect(taken).toEqual([]);
    const chunks: Uint8Array[] = [];
    far.on('data', (chunk) => chunks.push(chunk)).resume();
    await Promise.all(sent);
    probe.stream.end();
    await once(far, 'end');
    const all = Buffer.concat(chunks);
    expect(taken).toEqual([0, 1, 2]);
    expect([0, 1, 2].map((i) => all.subarray(i * size, (i + 1) * size).every((byte) => byte === i))).toEqual([
      true,
      true,
      true,
    ]);
  });
});

test('given up while it dials, it reports nothing', async () => {
  const { server, port } = await listening(() => {});
  open.push(server);
  let settled: Promise<unknown> | undefined;
  const probe = new Probe(
    (events) =>
      new HostStream((signal) => {
        const dialling = dialTcp('127.0.0.1', port)(signal);
        settled = dialling.catch(() => {});
        return dialling;
      }, events),
  );
  probe.stream.destroy();
  await settled;
  expect(probe.events).toEqual([]);
});

test('a DirectStream that is given up while it dials reports nothing, and leaves nothing', async () => {
  let ended: Promise<unknown> | undefined;
  const { server, port } = await listening((socket) => {
    ended = once(socket.resume(), 'end');
  });
  open.push(server);
  const probe = new Probe(dialDirect(port));
  const connected = once(server, 'connection');
  probe.stream.destroy();
  await connected;
  await ended;
  expect(probe.events).toEqual([]);
});

test('a DirectStream says why there is no way', async () => {
  const address = addressBytes('0.0.0.0').fill(255);
  const probe = new Probe(
    (events) => new DirectStream(sockets, { address, port: 1 }, new IdleBlocks(), events),
  );
  expect(await probe.ending).toMatchObject({ kind: 'error', error: { reason: 'unreachable' } });
});

test('what the far end does not read is given up, and not kept for ever', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  let far: Socket | undefined;
  const { server, port } = await listening((socket) => {
    far = socket.pause();
    socket.end();
  });
  open.push(server);
  const probe = new Probe(dialDirect(port));
  await probe.established;
  const sizeBefore = sockets.size;
  // More than both sockets' buffers hold.
  const taken = vi.fn();
  for (let i = 0; i < 16; i++) probe.stream.write(new Uint8Array(1 << 20), taken);
  probe.stream.end();
  expect(await probe.ending).toEqual({ kind: 'end' });
  probe.stream.destroy();
  vi.advanceTimersByTime(59_999);
  expect(sockets.size).toBe(sizeBefore);
  vi.advanceTimersByTime(1);
  expect(sockets.size).toBe(sizeBefore - 1);
  expect(taken).toHaveBeenCalledTimes(16);
  far?.on('error', () => {}).destroy();
});

test('a flood of connections leaves open files for others', async () => {
  const { server, port } = await listening((socket) => void socket.on('error', () => {}).resume());
  open.push(server);
  const log = { warn: () => {}, info: () => {}, debug: () => {} };
  const dialer = new DirectDialer(await openDatagramSockets(), await openStreamSockets(), log, 3);
  onTestFinished(() => dialer.close());
  const dialled = () => new Probe((events) => dialer.stream({ address: '127.0.0.1', port }, events));
  const [first] = [dialled(), dialled()];
  expect(await dialled().ending).toMatchObject({
    kind: 'error',
    error: { reason: 'unreachable', message: expect.stringMatching(/^2 connections are open/) },
  });
  await first.established;
  first.stream.destroy();
  await dialled().established;
});

test.each([
  ['Max open files            1024                 4096                 files', 1024],
  ['Max open files            unlimited            unlimited            files', Number.POSITIVE_INFINITY],
])('%s', (line, files) => {
  expect(openFileLimit(`Limit   Soft Limit   Hard Limit   Units\n${line}\n`)).toBe(files);
});
