/** Ports of a real sandbox on the host. */

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { constants } from 'node:os';
import { text } from 'node:stream/consumers';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { publish, type Published, type PublishRule } from '../../../src/publish/index.ts';
import { buildNative } from '../../../sandbox/native/build.ts';
import { launch, type Sandbox } from '../../../sandbox/index.ts';
import { LINK, NATIVE } from '../../sandbox/support/host.ts';
import { until } from '../../support/until.ts';
import { LogLines } from '../cluster/probe.ts';

const OWN = [LINK.address, 'fd6b:6e73::2'];

let sandbox: Sandbox;
let log: LogLines;
let published: Published | undefined;
const servers: Server[] = [];

const told = () => log.lines.filter((line) => !line.startsWith('debug: '));

beforeAll(() => buildNative(NATIVE));
beforeEach(() => {
  log = new LogLines();
});
afterEach(async () => {
  await published?.close();
  published = undefined;
  for (const server of servers.splice(0)) server.close();
  await sandbox.close();
});

/** Each argument is `address port`; what listens there says so. With a third word, it is UDP. */
async function standing(...listeners: string[]): Promise<void> {
  const program = `
    const net = require('net'), dgram = require('dgram');
    for (const [host, port, udp] of ${JSON.stringify(listeners.map((one) => one.split(' ')))}) {
      if (udp) {
        const socket = dgram.createSocket(host.includes(':') ? 'udp6' : 'udp4');
        socket.bind(+port, host).on('message', (m, from) => socket.send(host + ' heard ' + m, from.port, from.address));
      } else net.createServer((s) => s.on('error', () => {}).end(host + ' ' + port)).listen(+port, host);
    }
    setInterval(() => {}, 1000);
    process.stdin.resume();
    // A line of a signal each: the listeners come and go.
    let extra;
    process.on('SIGUSR2', () => {
      if (extra) extra = void extra.close();
      else extra = net.createServer((s) => s.end('extra')).listen(9100, '127.0.0.1');
    });`;
  sandbox = await launch({ command: [process.execPath, '-e', program], link: LINK });
  sandbox.start();
  const ports = await sandbox.portsInside();
  await until(async () => ports.read('tcp').length + ports.read('udp').length === listeners.length);
  ports.close();
}

async function open(...rules: PublishRule[]): Promise<Published> {
  published = await publish({ sandbox, addresses: OWN, rules, log });
  return published;
}

const tcp = (hostPort: number, port: number, more: object = {}): PublishRule => ({
  kind: 'fixed',
  protocol: 'tcp',
  hostPort,
  port,
  ...more,
});

/** What is said by whoever takes the connection; an error's code where nobody does. */
async function said(port: number, host = '127.0.0.1'): Promise<string> {
  const socket = connect({ host, port });
  try {
    return await text(socket);
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : String(error);
  }
}

const first = (one: Published): number => one.ports[0]?.hostPort ?? 0;

async function taken(host = '127.0.0.1'): Promise<number> {
  const server = createServer((socket) => socket.end('the host'));
  servers.push(server);
  await once(server.listen(0, host), 'listening');
  return (server.address() as AddressInfo).port;
}

/** The extra listener comes, or goes. */
const toggle = () => sandbox.signal(constants.signals.SIGUSR2);

describe('ports that are named', () => {
  test.each(['127.0.0.1', '::1', '0.0.0.0', '::', '10.0.1.2', 'fd6b:6e73::2'])(
    'a program on %s is met at both addresses of the loopback',
    async (address) => {
      await standing(`${address} 80`);
      const { ports } = await open(tcp(0, 80));
      expect(ports.map(({ hostAddress }) => hostAddress)).toEqual(['127.0.0.1', '::1']);
      for (const { hostPort, hostAddress } of ports)
        expect(await said(hostPort, hostAddress)).toBe(`${address} 80`);
      expect(told()).toEqual([`warn: port 80 is published at 127.0.0.1:${ports[0]?.hostPort}`]);
    },
  );

  test('nobody listens in the sandbox: the client is reset', async () => {
    await standing();
    const one = await open(tcp(0, 80));
    expect(await said(first(one))).toBe('ECONNRESET');
    expect(told().at(-1)).toBe('info: port 80: nobody listens on port 80 in the sandbox');
  });

  test('one address alone, and the last choice is tried first', async () => {
    await standing('127.0.0.1 80');
    const one = await open(tcp(0, 80, { address: '::1' }));
    expect(one.ports).toEqual([{ protocol: 'tcp', hostAddress: '::1', hostPort: first(one), port: 80 }]);
    for (let i = 0; i < 3; i++) expect(await said(first(one), '::1')).toBe('127.0.0.1 80');
    expect(await said(first(one))).toBe('ECONNREFUSED');
  });

  test('HOST_PORT_TAKEN, and nothing of the others is left', async () => {
    await standing();
    const [mine, other] = [await taken(), await taken()];
    servers[0]?.close();
    await expect(open(tcp(mine, 80), tcp(other, 81))).rejects.toMatchObject({
      code: 'HOST_PORT_TAKEN',
      message: expect.stringContaining(`127.0.0.1:${other}`),
      remedy: expect.stringContaining('0 for a free one'),
    });
    expect(await said(mine)).toBe('ECONNREFUSED');
  });

  test('a port that is taken on ::1 alone is published on 127.0.0.1', async () => {
    await standing('127.0.0.1 80');
    const port = await taken('::1');
    const { ports } = await open(tcp(port, 80));
    expect(ports.map(({ hostAddress }) => hostAddress)).toEqual(['127.0.0.1']);
    expect(await said(port, '::1')).toBe('the host');
  });

  test('HOST_ADDRESS_UNKNOWN', async () => {
    await standing();
    await expect(open(tcp(0, 80, { address: '192.0.2.1' }))).rejects.toMatchObject({
      code: 'HOST_ADDRESS_UNKNOWN',
      message: expect.stringContaining('192.0.2.1'),
    });
  });

  test.each(['127.0.0.1', '::1', '10.0.1.2'])('datagrams to a program on %s', async (address) => {
    await standing(`${address} 53 udp`);
    const { ports } = await open({ kind: 'fixed', protocol: 'udp', hostPort: 0, port: 53 });
    for (const { hostPort, hostAddress } of ports) {
      const socket = createSocket(hostAddress === '::1' ? 'udp6' : 'udp4');
      socket.send('hello', hostPort, hostAddress);
      const [answer] = await once(socket, 'message');
      expect(String(answer)).toBe(`${address} heard hello`);
      socket.close();
    }
  });
});

/** A far end that says its name and echoes. */
const echoing = (target: string, more: object = {}): PublishRule => ({
  kind: 'stream',
  protocol: 'tcp',
  hostPort: 0,
  target,
  open: async () => (events) => {
    queueMicrotask(() => {
      events.onEstablished();
      events.onData(Buffer.from(`${target}: `));
    });
    return {
      write(chunk, done) {
        events.onData(chunk);
        done();
      },
      end: () => events.onEnd(),
      pause() {},
      resume() {},
      destroy() {},
    };
  },
  ...more,
});

describe('what is reached by streams', () => {
  test('is met at both addresses of the loopback, and told by its name', async () => {
    await standing();
    const { ports } = await open(echoing('a/svc/web:80'));
    expect(ports).toEqual(
      ['127.0.0.1', '::1'].map((hostAddress) => ({
        protocol: 'tcp',
        hostAddress,
        hostPort: ports[0]?.hostPort,
        target: 'a/svc/web:80',
      })),
    );
    for (const { hostPort: port, hostAddress: host } of ports) {
      const socket = connect({ port, host, allowHalfOpen: true });
      socket.end('hello');
      expect(await text(socket)).toBe('a/svc/web:80: hello');
    }
    expect(told()).toEqual([`warn: a/svc/web:80 is published at 127.0.0.1:${ports[0]?.hostPort}`]);
  });

  test('a PROXY header goes in front', async () => {
    await standing();
    const one = await open(echoing('a/svc/web:80', { proxyHeader: 'v1', address: '127.0.0.1' }));
    const socket = connect({ port: first(one), host: '127.0.0.1', allowHalfOpen: true });
    await once(socket, 'connect');
    const { localPort } = socket;
    socket.end('hello');
    expect(await text(socket)).toBe(
      `a/svc/web:80: PROXY TCP4 127.0.0.1 127.0.0.1 ${localPort} ${first(one)}\r\nhello`,
    );
  });

  test('what can’t be dialled is reset, and -v says why', async () => {
    await standing();
    const one = await open(
      echoing('a/svc/web:80', { open: () => Promise.reject(new Error('it is not there')) }),
    );
    expect(await said(first(one))).toBe('ECONNRESET');
    expect(told().at(-1)).toBe('info: a/svc/web:80: it is not there');
  });

  test('HOST_PORT_TAKEN', async () => {
    await standing();
    const hostPort = await taken();
    await expect(open(echoing('a/svc/web', { hostPort }))).rejects.toMatchObject({ code: 'HOST_PORT_TAKEN' });
  });
});

describe('ports that open', () => {
  const AUTO: PublishRule = { kind: 'auto', protocol: 'tcp' };

  test('appear with their own numbers, and go', async () => {
    await standing('127.0.0.1 9101');
    const one = await open(AUTO);
    await until(async () => one.ports.length === 1);
    expect(one.ports).toEqual([{ protocol: 'tcp', hostAddress: '127.0.0.1', hostPort: 9101, port: 9101 }]);
    expect(await said(9101)).toBe('127.0.0.1 9101');
    toggle();
    await until(async () => one.ports.length === 2);
    expect(await said(9100)).toBe('extra');
    toggle();
    await until(async () => one.ports.length === 1);
    expect(await said(9100)).toBe('ECONNREFUSED');
    expect(told()).toEqual([
      'info: port 9101 is published at 127.0.0.1:9101',
      'info: port 9100 is published at 127.0.0.1:9100',
    ]);
  });

  test('one that is taken gets another, which is told, and the same again', async () => {
    const server = createServer((socket) => socket.end('the host'));
    servers.push(server);
    await once(server.listen(9100, '127.0.0.1'), 'listening');
    await standing('::1 9101');
    const one = await open(AUTO);
    const extra = () => one.ports.find(({ port }) => port === 9100)?.hostPort;
    toggle();
    await until(async () => extra() !== undefined);
    const hostPort = extra() ?? 0;
    expect(await said(hostPort)).toBe('extra');
    expect(await said(9100)).toBe('the host');
    expect(told()).toContain(
      `warn: port 9100 is published at 127.0.0.1:${hostPort}: 127.0.0.1:9100 of the host is taken`,
    );
    toggle();
    await until(async () => extra() === undefined);
    toggle();
    await until(async () => extra() !== undefined);
    expect(extra()).toBe(hostPort);
  });

  test('what we serve there ourselves, and what is published anyway, is left out', async () => {
    await standing('127.0.0.1 9102', '127.0.0.1 9103');
    const server = createServer();
    servers.push(server);
    await sandbox.listenInside(server, { address: '127.0.0.1', port: 9104 });
    const one = await open(tcp(0, 9102, { address: '127.0.0.1' }), AUTO);
    await until(async () => one.ports.some(({ port }) => port === 9103));
    expect(one.ports.map(({ port }) => port)).toEqual([9102, 9103]);
  });

  test('of UDP, those that are not the choice of the kernel', async () => {
    await standing('127.0.0.1 9105 udp', '127.0.0.1 40123 udp');
    const one = await open({ kind: 'auto', protocol: 'udp' });
    await until(async () => one.ports.length > 0);
    expect(one.ports).toEqual([{ protocol: 'udp', hostAddress: '127.0.0.1', hostPort: 9105, port: 9105 }]);
  });
});
