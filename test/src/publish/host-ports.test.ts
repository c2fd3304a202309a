/** Ports of the host's loopback in a real sandbox. */

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { constants } from 'node:os';
import { text } from 'node:stream/consumers';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type HostPortRule, type HostPorts, openHostPorts } from '../../../src/publish/index.ts';
import type { HostLoopback } from '../../../src/publish/inward/endpoint.ts';
import type { PublishedPort, PublishRule } from '../../../src/publish/rules.ts';
import type { RemoteStream } from '../../../src/relay/stream.ts';
import { buildNative } from '../../../sandbox/native/build.ts';
import { launch, type OpenPorts, type Sandbox } from '../../../sandbox/index.ts';
import { LINK, NATIVE } from '../../sandbox/support/host.ts';
import { until } from '../../support/until.ts';
import { LogLines } from '../cluster/probe.ts';

let sandbox: Sandbox;
let inside: OpenPorts;
let log: LogLines;
let hostPorts: HostPorts | undefined;
let endpoint: HostLoopback | undefined;
let names: readonly string[];
let publishedPorts: PublishedPort[];
const servers: Server[] = [];

const told = () => log.lines.filter((line) => !line.startsWith('debug: '));

beforeAll(() => buildNative(NATIVE));
beforeEach(async () => {
  [log, names, publishedPorts, endpoint] = [new LogLines(), [], [], undefined];
  sandbox = await launch({ command: ['sleep', '1000'], link: LINK });
  sandbox.start();
  inside = await sandbox.portsInside();
});
afterEach(async () => {
  await hostPorts?.close();
  hostPorts = undefined;
  inside.close();
  for (const server of servers.splice(0)) server.close();
  await sandbox.close();
});

async function open(
  rules: readonly HostPortRule[],
  publishRules: readonly PublishRule[] = [],
  within: Pick<Sandbox, 'listenInside' | 'bindInside' | 'portsInside'> = sandbox,
): Promise<void> {
  hostPorts = await openHostPorts({
    sandbox: within,
    rules,
    published: {
      get ports() {
        return publishedPorts;
      },
    },
    publishRules,
    directory: {
      addEndpoint(given, place) {
        endpoint = given;
        names = place.names;
      },
    },
    log,
  });
}

const port = (first: number, last = first, hostFirst = first): HostPortRule => ({
  kind: 'ports',
  protocol: 'tcp',
  first,
  last,
  hostFirst,
});
const ALL: HostPortRule = { kind: 'all' };

async function serve(host: string): Promise<number> {
  const server = createServer((socket) => socket.on('error', () => {}).end('the host'));
  servers.push(server);
  await once(server.listen(0, host), 'listening');
  return (server.address() as AddressInfo).port;
}

/** What we serve there already, such as an API server. */
async function occupy(address: string, wanted: number): Promise<void> {
  const server = createServer();
  servers.push(server);
  await sandbox.listenInside(server, { address, port: wanted });
}

async function said(wanted: number, address = '127.0.0.1'): Promise<string> {
  try {
    const socket = await sandbox.connectInside({ address, port: wanted });
    return await text(socket);
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : String(error);
  }
}

const isOpen = (wanted: number) => inside.read('tcp').some((one) => one.port === wanted);

/** Listens there until it is told to end. */
async function program(wanted: number): Promise<void> {
  inside.close();
  await sandbox.close();
  sandbox = await launch({
    command: [
      process.execPath,
      '-e',
      `require('net').createServer((s) => s.end('the sandbox')).listen(${wanted}, '127.0.0.1', function () { process.on('SIGUSR2', () => this.close(() => setInterval(() => {}, 1000))) })`,
    ],
    link: LINK,
  });
  sandbox.start();
  inside = await sandbox.portsInside();
  await until(async () => isOpen(wanted));
}

/** What the endpoint's stream says; the reason of its failure where it fails. */
function dialled(wanted: number): Promise<string> {
  return new Promise((resolve) => {
    let all = '';
    const stream: RemoteStream | undefined = endpoint?.dial(wanted, {
      onEstablished: () => {},
      onData: (chunk) => (all += String(Buffer.from(chunk))),
      onEnd: () => {
        stream?.destroy();
        resolve(all);
      },
      onError: ({ reason }) => resolve(reason),
    });
  });
}

describe('on the sandbox’s own loopback', () => {
  test.each(['127.0.0.1', '::1', '0.0.0.0', '::', '::ffff:127.0.0.1'])(
    'a server on %s is met at both addresses',
    async (host) => {
      const wanted = await serve(host);
      await open([port(wanted)]);
      expect([await said(wanted), await said(wanted, '::1')]).toEqual(['the host', 'the host']);
    },
  );

  test('what is not asked for is not there, and nothing at all without a rule', async () => {
    const [one, other] = [await serve('127.0.0.1'), await serve('127.0.0.1')];
    await open([port(one)]);
    expect(await said(other)).toBe('ECONNREFUSED');
    await hostPorts?.close();
    endpoint = undefined;
    await open([]);
    expect(await said(one)).toBe('ECONNREFUSED');
    expect(endpoint).toBeUndefined();
  });

  test('a server that comes later is met, and when it goes, refused', async () => {
    await open([ALL]);
    const wanted = await serve('127.0.0.1');
    await until(async () => isOpen(wanted));
    expect(await said(wanted)).toBe('the host');
    servers.splice(0)[0]?.close();
    await until(async () => !isOpen(wanted));
    expect(await said(wanted)).toBe('ECONNREFUSED');
  });

  test('at another number than the host’s, which is refused then', async () => {
    const [one, other] = [await serve('127.0.0.1'), await serve('::1')];
    await open([port(9301, 9301, one), port(9302, 9302, other)]);
    expect([await said(9301), await said(9301, '::1'), await said(9302)]).toEqual(
      Array.from({ length: 3 }, () => 'the host'),
    );
    expect([await said(one), await said(other)]).toEqual(['ECONNREFUSED', 'ECONNREFUSED']);
    servers.splice(0)[0]?.close();
    await until(async () => !isOpen(9301));
    expect(await said(9301)).toBe('ECONNREFUSED');
  });

  test('all, and one at another number as well, which goes before the host’s own of that', async () => {
    const [one, two] = [await serve('127.0.0.1'), await serve('127.0.0.1')];
    servers
      .at(-1)
      ?.removeAllListeners('connection')
      .on('connection', (socket) => socket.end('the other'));
    await open([ALL, port(two, two, one)]);
    expect([await said(one), await said(two)]).toEqual(['the host', 'the host']);
  });

  test('a port of the host at which a Service is published is one of the host', async () => {
    const wanted = await serve('127.0.0.1');
    publishedPorts = [{ protocol: 'tcp', hostAddress: '127.0.0.1', hostPort: wanted, target: 'a/svc/web' }];
    await open([port(5432, 5432, wanted)]);
    expect(await said(5432)).toBe('the host');
  });

  test('a port that is published is the sandbox’s own', async () => {
    const [inner, outer] = [await serve('127.0.0.1'), await serve('127.0.0.1')];
    publishedPorts = [{ protocol: 'tcp', hostAddress: '127.0.0.1', hostPort: outer, port: 80 }];
    await open([ALL], [{ kind: 'fixed', protocol: 'tcp', hostPort: 1, port: inner }]);
    expect([await said(inner), await said(outer)]).toEqual(['ECONNREFUSED', 'ECONNREFUSED']);
  });

  test('what we serve there ourselves stays, without a word', async () => {
    const wanted = await serve('127.0.0.1');
    await occupy('127.0.0.1', wanted);
    await open([port(wanted)]);
    expect(inside.read('tcp').filter((one) => one.port === wanted)).toHaveLength(1);
    expect(told()).toEqual([]);
  });

  test('datagrams, at both addresses', async () => {
    const echo = createSocket('udp6').bind(0, '::1');
    await once(echo, 'listening');
    echo.on('message', (message, from) => echo.send(`heard ${String(message)}`, from.port, from.address));
    const wanted = echo.address().port;
    await open([
      { kind: 'ports', protocol: 'udp', first: wanted, last: wanted, hostFirst: wanted },
      { kind: 'ports', protocol: 'udp', first: 5353, last: 5353, hostFirst: wanted },
    ]);
    for (const [address, at] of [
      ['127.0.0.1', wanted],
      ['::1', wanted],
      ['127.0.0.1', 5353],
    ] as const) {
      const socket = await sandbox.datagramsInside({ address, port: at });
      socket.send('hello');
      expect(String((await once(socket, 'message'))[0])).toBe('heard hello');
      socket.close();
    }
    echo.close();
  });
});

describe('where a program of the sandbox has the port', () => {
  test.each([
    ['warn', 'that is named'],
    ['info', 'of all'],
  ])('%s tells of a port %s; neither address is the host’s, until the program has ended', async (level) => {
    const wanted = await serve('127.0.0.1');
    await program(wanted);
    await open([level === 'warn' ? port(wanted) : ALL]);
    expect([await said(wanted), await said(wanted, '::1')]).toEqual(['the sandbox', 'ECONNREFUSED']);
    expect(told().filter((line) => line.includes(String(wanted)))).toEqual([
      `${level}: port ${wanted} in the sandbox is a program of its own; that of the host is at host.kns.internal:${wanted}`,
    ]);
    sandbox.signal(constants.signals.SIGUSR2);
    await until(async () => (await said(wanted, '::1')) === 'the host');
    expect(await said(wanted)).toBe('the host');
  });

  test('of another number, the line has the host’s', async () => {
    const wanted = await serve('127.0.0.1');
    await program(9305);
    await open([port(9305, 9305, wanted)]);
    expect(told()).toEqual([
      `warn: port 9305 in the sandbox is a program of its own; that of the host is at host.kns.internal:${wanted}`,
    ]);
  });

  test('that is bound at one address, and not listened on, it is the host’s at neither until it is free', async () => {
    const wanted = await serve('127.0.0.1');
    let attempts = 0;
    await open([port(wanted)], [], {
      bindInside: (...args) => sandbox.bindInside(...args),
      portsInside: () => sandbox.portsInside(),
      listenInside: (server, at) =>
        at.address === '127.0.0.1' && ++attempts < 3
          ? Promise.reject(new Error('taken'))
          : sandbox.listenInside(server, at),
    });
    expect([await said(wanted), await said(wanted, '::1')]).toEqual(['ECONNREFUSED', 'ECONNREFUSED']);
    await until(async () => attempts === 3 && (await said(wanted, '::1')) === 'the host');
    expect(await said(wanted)).toBe('the host');
  });

  test('that came as ours was about to, it is the host’s at neither', async () => {
    const wanted = await serve('127.0.0.1');
    await program(wanted);
    let looks = 0;
    await open([port(wanted)], [], {
      bindInside: (...args) => sandbox.bindInside(...args),
      listenInside: (...args) => sandbox.listenInside(...args),
      portsInside: async () => {
        const ports = await sandbox.portsInside();
        const read = ports.read.bind(ports);
        // The table is as it was before, at first.
        ports.read = (protocol) => (++looks <= 2 ? [] : read(protocol));
        return ports;
      },
    });
    expect([await said(wanted), await said(wanted, '::1')]).toEqual(['the sandbox', 'ECONNREFUSED']);
    await until(async () => told().length === 1);
  });
});

describe('host.kns.internal', () => {
  test('has the ports that are allowed, and no other', async () => {
    await open([
      port(5432),
      port(8000, 8001),
      { kind: 'ports', protocol: 'udp', first: 53, last: 53, hostFirst: 53 },
    ]);
    expect(names).toEqual(['host.kns.internal']);
    const has = [5431, 5432, 5433, 7999, 8000, 8001, 8002, 53].map((one) => endpoint?.hasPort(one));
    expect(has).toEqual([false, true, false, false, true, true, false, false]);
  });

  test('has the host’s own numbers', async () => {
    await open([port(9303, 9304, 8000)]);
    const has = [8000, 8001, 8002, 9303].map((one) => endpoint?.hasPort(one));
    expect(has).toEqual([true, true, false, false]);
  });

  test('all of them are dialled as they are asked for', async () => {
    await open([ALL]);
    const wanted = await serve('::1');
    expect(await dialled(wanted)).toBe('the host');
    servers.splice(0)[0]?.close();
    expect(await dialled(wanted)).toBe('refused');
  });
});
