import { once } from 'node:events';
import type { Server, Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { dialTcp } from '../../../../src/egress/tcp/dial.ts';
import { HostStream } from '../../../../src/egress/tcp/host-stream.ts';
import { Probe } from '../../cluster/probe.ts';
import { closedPort, listening } from '../../session/api-server/support.ts';

const open: Server[] = [];
afterEach(() => {
  for (const server of open.splice(0)) server.close();
});

/** A stream to a server that does this with the connection. */
async function streamTo(onConnection: (socket: Socket) => void): Promise<Probe> {
  const { server, port } = await listening(onConnection);
  open.push(server);
  const probe = new Probe((events) => new HostStream(dialTcp('127.0.0.1', port), events));
  await probe.established;
  return probe;
}

describe('a stream to a host socket', () => {
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

  test('a reset of the far end is told', async () => {
    const probe = await streamTo((socket) => socket.once('data', () => socket.resetAndDestroy()));
    void probe.send('x');
    expect(await probe.ending).toMatchObject({ kind: 'error', error: { reason: 'reset' } });
  });

  test('a refusal is told as one', async () => {
    const port = await closedPort();
    const probe = new Probe((events) => new HostStream(dialTcp('127.0.0.1', port), events));
    expect(await probe.ending).toMatchObject({ kind: 'error', error: { reason: 'refused' } });
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
});
