/** Servers of the host process that listen in the sandbox's own network. */

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { openSync, readdirSync, readFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import {
  datagramSocketFor,
  hostPorts,
  launch,
  type OpenPort,
  type OpenPorts,
  type Sandbox,
} from '../../sandbox/index.ts';
import type { NetnsHelper } from '../../sandbox/helper.ts';
import { InsideSockets } from '../../sandbox/inside/sockets.ts';
import { buildNative } from '../../sandbox/native/build.ts';
import { until } from '../support/until.ts';
import { LINK, NATIVE } from './support/host.ts';

let sandbox: Sandbox;
const servers: Server[] = [];
beforeAll(() => buildNative(NATIVE));
afterEach(async () => {
  for (const server of servers.splice(0)) server.close();
  await sandbox.close();
});

async function standing(script: string): Promise<void> {
  sandbox = await launch({ command: ['bash', '-c', script], link: LINK });
}

/** A server, and what the first client says to it; it answers "hello". */
function greeter(): { server: Server; heard: Promise<string> } {
  const server = createServer((socket) => socket.end('hello\n'));
  servers.push(server);
  return { server, heard: once(server, 'connection').then(([socket]) => text(socket)) };
}

const openFiles = () => readdirSync('/proc/self/fd').length;

/** A script that is content with "hello" from there. */
const asks = (address: string, port: number) =>
  `exec 3<>/dev/tcp/${address}/${port}; echo asked >&3; read -r answer <&3; [ "$answer" = hello ]`;

test.each(['127.0.0.1', '::1', '10.0.1.2', 'fd6b:6e73::2'])(
  'a server on %s, at a port below 1024',
  async (address) => {
    await standing(asks(address, 443));
    const { server, heard } = greeter();
    await sandbox.listenInside(server, { address, port: 443 });
    expect(server.address()).toMatchObject({ address, port: 443 });
    sandbox.start();
    expect(await heard).toBe('asked\n');
    expect((await sandbox.exited).code).toBe(0);
  },
);

test('port 0 has a free one chosen, and each family is by itself', async () => {
  await standing('true');
  const [four, six] = [greeter().server, greeter().server];
  await sandbox.listenInside(four, { address: '0.0.0.0', port: 0 });
  const { port } = four.address() as AddressInfo;
  await sandbox.listenInside(six, { address: '::', port });
  expect(six.address()).toMatchObject({ address: '::', port });
});

test('the host itself has nothing listening there', async () => {
  await standing('true');
  const { server } = greeter();
  await sandbox.listenInside(server, { address: '127.0.0.1', port: 0 });
  const { port } = server.address() as AddressInfo;
  const own = createServer();
  servers.push(own);
  await once(own.listen(port, '127.0.0.1'), 'listening');
});

test('servers come while the command runs, many at once', async () => {
  await standing('sleep 1000');
  sandbox.start();
  const ports = Array.from({ length: 20 }, (_, i) => 8000 + i);
  await Promise.all(
    ports.map((port) => sandbox.listenInside(greeter().server, { address: '127.0.0.1', port })),
  );
  expect(servers.map((server) => (server.address() as AddressInfo).port)).toEqual(ports);
});

test('datagrams', async () => {
  await standing(
    'exec 3<>/dev/udp/127.0.0.1/53; echo asked >&3; [ "$(dd bs=99 count=1 status=none <&3)" = hello ]',
  );
  const socket = createSocket('udp4');
  await sandbox.bindInside(socket, { address: '127.0.0.1', port: 53 });
  sandbox.start();
  const [message, from] = await once(socket, 'message');
  expect(String(message)).toBe('asked\n');
  socket.send('hello\n', from.port, from.address);
  expect((await sandbox.exited).code).toBe(0);
  socket.close();
});

test('a burst of datagrams that nobody reads meanwhile', async () => {
  await standing('true');
  const socket = datagramSocketFor('127.0.0.1');
  await sandbox.bindInside(socket, { address: '127.0.0.1', port: 53 });
  const client = await sandbox.datagramsInside({ address: '127.0.0.1', port: 53 });
  let heard = 0;
  socket.on('message', () => heard++);
  // A usual buffer has 92 of a kilobyte.
  for (let i = 0; i < 150; i++) client.send(new Uint8Array(1000));
  await until(async () => heard === 150);
  client.close();
  socket.close();
});

test('LISTEN_FAILED: the port is taken, or the address is not one of the sandbox', async () => {
  await standing('true');
  await sandbox.listenInside(greeter().server, { address: '127.0.0.1', port: 80 });
  await expect(
    sandbox.listenInside(greeter().server, { address: '127.0.0.1', port: 80 }),
  ).rejects.toMatchObject({
    code: 'LISTEN_FAILED',
    message: expect.stringContaining('tcp port 80 of 127.0.0.1'),
    remedy: expect.stringContaining('another port'),
  });
  await expect(
    sandbox.listenInside(greeter().server, { address: '10.9.9.9', port: 80 }),
  ).rejects.toMatchObject({ code: 'LISTEN_FAILED', remedy: expect.stringContaining('ip addr') });
});

test('what is no address or port is the fault of the program that asks', async () => {
  await standing('true');
  const { server } = greeter();
  await expect(sandbox.listenInside(server, { address: 'localhost', port: 80 })).rejects.toThrow(TypeError);
  await expect(sandbox.listenInside(server, { address: '::1', port: 65_536 })).rejects.toThrow(RangeError);
});

test('a server that listens already keeps its port, and no fd is lost', async () => {
  await standing('true');
  const { server } = greeter();
  await sandbox.listenInside(server, { address: '127.0.0.1', port: 80 });
  const before = openFiles();
  await expect(sandbox.listenInside(server, { address: '127.0.0.1', port: 81 })).rejects.toMatchObject({
    code: 'ERR_SERVER_ALREADY_LISTEN',
  });
  expect(openFiles()).toBe(before);
});

/** The helper process of the one sandbox, and the session that it is of (proc(5), stat). */
function helper(): { pid: number; session: number } {
  const children = readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').trim().split(' ');
  const stat = children
    .map((pid) => readFileSync(`/proc/${pid}/stat`, 'utf8'))
    .find((line) => line.includes('(kns-netns)'));
  if (stat === undefined) throw new Error('there is no helper');
  return { pid: Number.parseInt(stat, 10), session: Number(stat.split(') ')[1]?.split(' ')[3]) };
}

test('the keys of the terminal do not reach the helper: it has a session of its own', async () => {
  await standing('true');
  const { pid, session } = helper();
  expect(session).toBe(pid);
});

test('LISTEN_FAILED where the helper was killed, and the sandbox ends as ever', async () => {
  await standing('true');
  process.kill(helper().pid, 'SIGKILL');
  await expect(
    sandbox.listenInside(greeter().server, { address: '127.0.0.1', port: 80 }),
  ).rejects.toMatchObject({ code: 'LISTEN_FAILED', message: expect.stringContaining('SIGKILL') });
  sandbox.start();
  expect((await sandbox.exited).code).toBe(0);
});

test('LISTEN_FAILED after the sandbox was closed', async () => {
  await standing('true');
  await sandbox.close();
  await expect(
    sandbox.listenInside(greeter().server, { address: '127.0.0.1', port: 80 }),
  ).rejects.toMatchObject({ code: 'LISTEN_FAILED', remedy: expect.stringContaining('start the sandbox') });
});

/** A script whose server greets whoever connects, on the addresses that are given. */
const greets = (port: number, ...addresses: string[]) => `exec '${process.execPath}' -e '
  for (const host of ${JSON.stringify(addresses)})
    require("net").createServer({ allowHalfOpen: true }, (s) => s.on("data", (d) => s.end("heard " + d)).on("error", () => {})).listen(${port}, host);
'`;

async function opened(ports: OpenPorts, count: number): Promise<OpenPort[]> {
  await until(async () => ports.read('tcp').length >= count);
  return ports.read('tcp');
}

const connectHttp = () => sandbox.connectInside({ address: '127.0.0.1', port: 80 });

describe('connections to programs of the sandbox', () => {
  test.each(['127.0.0.1', '::1', '10.0.1.2', 'fd6b:6e73::2'])('on %s', async (address) => {
    await standing(greets(80, address));
    sandbox.start();
    const ports = await sandbox.portsInside();
    expect(await opened(ports, 1)).toEqual([{ address, port: 80, ours: false }]);
    ports.close();
    const socket = await sandbox.connectInside({ address, port: 80 });
    socket.end('hello');
    expect(await text(socket)).toBe('heard hello');
    socket.destroy();
  });

  test('what is read goes to who brings the buffer', async () => {
    await standing(greets(80, '127.0.0.1'));
    sandbox.start();
    const ports = await sandbox.portsInside();
    await opened(ports, 1);
    ports.close();
    const buffer = Buffer.alloc(64);
    let length = 0;
    const onread = { buffer, callback: (count: number) => (length += count) > 0 };
    const socket = await sandbox.connectInside({ address: '127.0.0.1', port: 80 }, { onread });
    socket.resume().end('hello');
    await once(socket, 'end');
    expect(buffer.toString('utf8', 0, length)).toBe('heard hello');
    socket.destroy();
  });

  test('refused where nobody listens, and no fd is lost', async () => {
    await standing('sleep 1000');
    await expect(connectHttp()).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    const before = openFiles();
    for (let i = 0; i < 200; i++) await connectHttp().catch(() => {});
    // The stock is between one batch and two.
    expect(Math.abs(openFiles() - before)).toBeLessThanOrEqual(32);
  });

  test('given up before it is there', async () => {
    await standing('sleep 1000');
    const signal = AbortSignal.abort(new Error('no more'));
    await expect(sandbox.connectInside({ address: '127.0.0.1', port: 80 }, { signal })).rejects.toThrow(
      'no more',
    );
    const giveUp = new AbortController();
    const attempt = sandbox.connectInside({ address: '127.0.0.1', port: 80 }, { signal: giveUp.signal });
    giveUp.abort();
    await expect(attempt).rejects.toThrow();
  });

  test('many at once', async () => {
    await standing('sleep 1000');
    const { server } = greeter();
    await sandbox.listenInside(server, { address: '127.0.0.1', port: 80 });
    const asked = Array.from({ length: 100 }, async () => {
      const socket = await sandbox.connectInside({ address: '127.0.0.1', port: 80 });
      const answer = await text(socket);
      socket.destroy();
      return answer;
    });
    expect(new Set(await Promise.all(asked))).toEqual(new Set(['hello\n']));
  });

  test('none after the sandbox was closed, and its sockets are', async () => {
    await standing('sleep 1000');
    await sandbox.connectInside({ address: '127.0.0.1', port: 80 }).catch(() => {});
    await sandbox.close();
    await expect(
      Promise.all(
        Array.from({ length: 50 }, () => sandbox.connectInside({ address: '127.0.0.1', port: 80 })),
      ),
    ).rejects.toThrow();
  });

  test('none once closed, however long the helper still answers', async () => {
    await standing('true');
    let requests = 0;
    const helper = {
      request: async () => ({ fd: openSync('/dev/null', 'r'), more: [], facts: new Map(), at: ++requests }),
    };
    const sockets = new InsideSockets(helper as unknown as NetnsHelper);
    const before = openFiles();
    const socket = sockets.take('tcp4');
    sockets.close();
    await expect(socket).rejects.toThrow('closed');
    expect(requests).toBe(1);
    expect(openFiles()).toBe(before);
  });

  test('datagrams', async () => {
    await standing('sleep 1000');
    const echo = createSocket('udp6');
    echo.on('message', (message, from) => echo.send(message, from.port, from.address));
    await sandbox.bindInside(echo, { address: '::1', port: 53 });
    const socket = await sandbox.datagramsInside({ address: '::1', port: 53 });
    socket.send('hello');
    const [message] = await once(socket, 'message');
    expect(String(message)).toBe('hello');
    socket.close();
    echo.close();
  });

  test('datagrams to where nothing may be sent: what connect(2) says', async () => {
    await standing('sleep 1000');
    const attempt = sandbox.datagramsInside({ address: '255.255.255.255', port: 53 });
    await expect(attempt).rejects.toMatchObject({ code: 'EACCES' });
  });
});

describe('open ports', () => {
  test('those of both protocols and versions, and which are ours', async () => {
    await standing('sleep 1000');
    await sandbox.listenInside(greeter().server, { address: '127.0.0.1', port: 80 });
    await sandbox.listenInside(greeter().server, { address: '::', port: 81 });
    const socket = createSocket('udp4');
    await sandbox.bindInside(socket, { address: '10.0.1.2', port: 53 });
    const ports = await sandbox.portsInside();
    expect(ports.read('tcp')).toEqual([
      { address: '127.0.0.1', port: 80, ours: true },
      { address: '::', port: 81, ours: true },
    ]);
    expect(ports.read('udp')).toEqual([{ address: '10.0.1.2', port: 53, ours: true }]);
    socket.close();
    servers.splice(0)[0]?.close();
    expect(ports.read('udp')).toEqual([]);
    ports.close();
    expect(ports.read('tcp')).toEqual([]);
  });

  test('an IPv4 address that was bound by an IPv6 socket is one', async () => {
    const listens = "require('net').createServer().listen(80, '::ffff:127.0.0.1')";
    sandbox = await launch({ command: [process.execPath, '-e', listens], link: LINK });
    sandbox.start();
    const ports = await sandbox.portsInside();
    await until(async () => ports.read('tcp').length > 0);
    expect(ports.read('tcp')).toEqual([{ address: '127.0.0.1', port: 80, ours: false }]);
    ports.close();
  });

  test('of hundreds, each is seen', async () => {
    await standing('sleep 1000');
    const wanted = Array.from({ length: 300 }, (_, i) => 2000 + i);
    for (const port of wanted) await sandbox.listenInside(greeter().server, { address: '127.0.0.1', port });
    const ports = await sandbox.portsInside();
    const seen = ports.read('tcp').map(({ port }) => port);
    expect(seen.toSorted((a, b) => a - b)).toEqual(wanted);
    ports.close();
  });

  test("the host's own are none of the sandbox's", async () => {
    const { server } = greeter();
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as AddressInfo;
    await standing('sleep 1000');
    const [host, inside] = [await hostPorts(), await sandbox.portsInside()];
    expect(host.read('tcp')).toContainEqual({ address: '127.0.0.1', port, ours: false });
    expect(inside.read('tcp')).toEqual([]);
    host.close();
    inside.close();
  });
});
