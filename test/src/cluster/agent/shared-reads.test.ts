/** Bytes that come to sockets with a buffer in common, from real servers. */
import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { buffer } from 'node:stream/consumers';
import { expect, onTestFinished, test } from 'vitest';
import { agentFor } from '../../../../src/cluster/agent/agent.ts';
import { takeReads } from '../../../../src/cluster/agent/shared-reads.ts';
import { makeAuthority } from '../access/authority.ts';

const BYTES = 8 << 20;
const TAKEN_UP = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: bytes\r\n\r\n';

/** Each server's bytes are its own, and no two places of them alike. */
function bytesOf(seed: number): Buffer {
  const words = new Uint32Array(BYTES / 4);
  for (let i = 0; i < words.length; i++) words[i] = i * 2_654_435_761 + seed;
  return Buffer.from(words.buffer);
}

/** Answers a plain request with its bytes, and sends them behind the answer to an upgrade. */
async function serving(protocol: 'http:' | 'https:', bytes: Buffer) {
  const authority = await makeAuthority();
  const pair = await authority.server(['127.0.0.1']);
  const server = protocol === 'https:' ? https.createServer(pair) : http.createServer();
  server.on('request', (_request, response) => response.end(bytes));
  server.on('upgrade', (_request, socket: Duplex) => {
    socket.on('error', () => {});
    socket.write(Buffer.concat([Buffer.from(TAKEN_UP), bytes.subarray(0, 1000)]));
    socket.end(bytes.subarray(1000));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const agent = agentFor(protocol, undefined);
  onTestFinished(() => {
    agent.destroy();
    server.close();
  });
  const options = {
    agent,
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    ca: authority.ca,
  };
  return (headers: http.OutgoingHttpHeaders) =>
    (protocol === 'https:' ? https : http).request({ ...options, headers }).end();
}

test.each(['http:', 'https:'] as const)(
  '%s: all that follows an upgrade, in order, paused or not',
  async (protocol) => {
    const bytes = bytesOf(1);
    const request = await serving(protocol, bytes);
    const upgraded = request({ Connection: 'Upgrade', Upgrade: 'bytes' });
    const [, socket, head] = (await once(upgraded, 'upgrade')) as [unknown, Duplex, Buffer];
    if (head.length > 0) socket.unshift(head);
    // Some of it has come, and is the stream's.
    await setImmediate();
    const came: Buffer[] = [];
    const shared = new Map<ArrayBufferLike, number>();
    let pauses = 0;
    const take = (chunk: Uint8Array): void => {
      came.push(Buffer.from(chunk));
      if (came.length % 7 > 0) return;
      pauses++;
      socket.pause();
      void setImmediate().then(() => socket.resume());
    };
    socket.on('data', take);
    takeReads(socket, (chunk) => {
      shared.set(chunk.buffer, (shared.get(chunk.buffer) ?? 0) + chunk.length);
      take(chunk);
    });
    await once(socket, 'end');
    expect(Buffer.concat(came).equals(bytes)).toBe(true);
    expect(pauses).toBeGreaterThan(3);
    // Most of it was where all of it is read to.
    expect(shared.size).toBe(1);
    expect(Math.max(...shared.values())).toBeGreaterThan(BYTES / 4);
  },
);

test('answers that are read at the same time do not mix', async () => {
  const servers = await Promise.all(
    [1, 2, 3].map(async (seed) => {
      const bytes = bytesOf(seed);
      return { bytes, request: await serving('https:', bytes) };
    }),
  );
  await Promise.all(
    servers.map(async ({ bytes, request }) => {
      const [response] = (await once(request({}), 'response')) as [http.IncomingMessage];
      expect((await buffer(response)).equals(bytes)).toBe(true);
    }),
  );
});
