import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { DatagramPort, Dialer } from '../../../../src/egress/dialer.ts';
import { proxyDialer } from '../../../../src/egress/proxy/dialer.ts';
import { parseProxy } from '../../../../src/egress/proxy/url.ts';
import { openDatagramSockets, type OpenDatagramSocket } from '../../../../sandbox/index.ts';
import { connectProxy, socksProxy } from '../../cluster/agent/proxies.ts';
import { LogLines, Probe } from '../../cluster/probe.ts';
import { closedPort, listening } from '../../session/api-server/support.ts';
import { Heard } from '../support/heard.ts';
import { associateServer } from './associate-server.ts';

let openSocket: OpenDatagramSocket;
beforeAll(async () => {
  openSocket = await openDatagramSockets();
});

function dialer(url: string, log = new LogLines()): Dialer {
  return proxyDialer({ name: 'office', proxy: parseProxy(url, 'test'), openSocket, log });
}

async function destination(onConnection: (socket: Socket) => void): Promise<number> {
  const { server, port } = await listening(onConnection);
  onTestFinished(() => void server.close());
  return port;
}

const echo = (socket: Socket) => void socket.pipe(socket);

describe.each([
  ['socks5', socksProxy],
  ['http', connectProxy],
])('streams by %s', (scheme, start) => {
  test('carry bytes both ways, and each end by itself', async () => {
    const proxy = await start();
    const port = await destination(echo);
    const way = dialer(`${scheme}://127.0.0.1:${proxy.port}`);
    const probe = new Probe((events) => way.stream({ address: '127.0.0.1', port }, events));
    await probe.established;
    await probe.send('hello');
    probe.stream.end();
    expect(await probe.ending).toEqual({ kind: 'end' });
    expect(probe.text).toBe('hello');
    expect(proxy.asked).toEqual([{ authority: `127.0.0.1:${port}`, credentials: undefined }]);
    probe.stream.destroy();
  });

  test('a server that speaks first is heard from its first byte on', async () => {
    const proxy = await start();
    const port = await destination((socket) => socket.end('220 ready'));
    const way = dialer(`${scheme}://127.0.0.1:${proxy.port}`);
    const probe = new Probe((events) => way.stream({ address: '127.0.0.1', port }, events));
    await probe.ending;
    expect(probe.events).toEqual(['established', 'data', 'end']);
    expect(probe.text).toBe('220 ready');
    probe.stream.destroy();
  });

  test('a name that is known is the proxy to resolve', async () => {
    const proxy = await start({ names: { 'inner.example': '127.0.0.1' } });
    const port = await destination(echo);
    const way = dialer(`${scheme}://127.0.0.1:${proxy.port}`);
    const at = { address: '192.0.2.1', port, name: 'inner.example' };
    const probe = new Probe((events) => way.stream(at, events));
    await probe.established;
    expect(proxy.asked).toMatchObject([{ authority: `inner.example:${port}` }]);
    probe.stream.destroy();
  });

  test('no proxy there: no way, and no refusal by the destination', async () => {
    const way = dialer(`${scheme}://127.0.0.1:${await closedPort()}`);
    const probe = new Probe((events) => way.stream({ address: '192.0.2.1', port: 80 }, events));
    expect(await probe.ending).toMatchObject({
      error: { reason: 'unreachable', unreachable: 'net', message: expect.stringContaining('ECONNREFUSED') },
    });
  });

  test('a server that is no proxy is said to be none', async () => {
    const port = await destination((socket) => socket.end('SSH-2.0-x\r\n\r\n'));
    const way = dialer(`${scheme}://127.0.0.1:${port}`);
    const probe = new Probe((events) => way.stream({ address: '192.0.2.1', port: 80 }, events));
    expect(await probe.ending).toMatchObject({
      error: { reason: 'unreachable', message: expect.stringMatching(/does not speak (SOCKS5|HTTP)/) },
    });
  });

  test('one that answers without end is left', async () => {
    const port = await destination((socket) => {
      socket.on('error', () => {});
      socket.write(Buffer.alloc(1 << 20, scheme === 'http' ? 'x' : 0));
    });
    const way = dialer(`${scheme}://127.0.0.1:${port}`);
    const probe = new Probe((events) => way.stream({ address: '192.0.2.1', port: 80 }, events));
    expect(await probe.ending).toMatchObject({ error: { reason: 'unreachable' } });
  });

  test('given up while the proxy says nothing, it reports nothing and is closed', async () => {
    const { server, port } = await listening(() => {});
    onTestFinished(() => void server.close());
    const connected = once(server, 'connection');
    const way = dialer(`${scheme}://127.0.0.1:${port}`);
    const probe = new Probe((events) => way.stream({ address: '192.0.2.1', port: 80 }, events));
    const [socket] = (await connected) as [Socket];
    const closed = once(socket.on('error', () => {}).resume(), 'close');
    socket.once('end', () => socket.end());
    probe.stream.destroy();
    await closed;
    expect(probe.events).toEqual([]);
  });
});

test('SOCKS5: user and password, percent-encoded, any byte of them', async () => {
  const proxy = await socksProxy({ login: ['d:user', 'pä@ss'] });
  const port = await destination(echo);
  const way = dialer(`socks5://d%3Auser:p%C3%A4%40ss@127.0.0.1:${proxy.port}`);
  const probe = new Probe((events) => way.stream({ address: '127.0.0.1', port }, events));
  await probe.established;
  probe.stream.destroy();
});

test('SOCKS5: a login that is wanted and not given is named', async () => {
  const proxy = await socksProxy({ login: ['a', 'b'] });
  for (const [login, said] of [
    ['', 'wants user and password'],
    ['a:c@', 'does not take this user and password'],
  ]) {
    const way = dialer(`socks5://${login}127.0.0.1:${proxy.port}`);
    const probe = new Probe((events) => way.stream({ address: '192.0.2.1', port: 80 }, events));
    expect(await probe.ending).toMatchObject({ error: { message: expect.stringContaining(said) } });
  }
});

test.each([
  [1, 'unreachable', 'host'],
  [2, 'unreachable', 'admin-prohibited'],
  [3, 'unreachable', 'net'],
  [4, 'unreachable', 'host'],
  [5, 'refused', 'host'],
  [6, 'silent', 'host'],
  [8, 'unreachable', 'net'],
  [99, 'unreachable', 'host'],
])('SOCKS5: reply %i is %s, %s', async (refuse, reason, unreachable) => {
  const proxy = await socksProxy({ refuse });
  const way = dialer(`socks5://127.0.0.1:${proxy.port}`);
  const probe = new Probe((events) => way.stream({ address: '192.0.2.1', port: 80 }, events));
  expect(await probe.ending).toMatchObject({ error: { reason, unreachable } });
});

test.each([
  [403, 'unreachable', 'admin-prohibited'],
  [407, 'unreachable', 'admin-prohibited'],
  [502, 'unreachable', 'host'],
  [504, 'silent', 'host'],
])('CONNECT: %i is %s, %s', async (refuse, reason, unreachable) => {
  const proxy = await connectProxy({ refuse });
  const way = dialer(`http://127.0.0.1:${proxy.port}`);
  const probe = new Probe((events) => way.stream({ address: '192.0.2.1', port: 80 }, events));
  expect(await probe.ending).toMatchObject({ error: { reason, unreachable } });
});

test('CONNECT: Basic credentials, and IPv6 in brackets', async () => {
  const proxy = await connectProxy({ refuse: 403 });
  const way = dialer(`http://me:p%3Aw@127.0.0.1:${proxy.port}`);
  const probe = new Probe((events) => way.stream({ address: '2001:db8::1', port: 80 }, events));
  await probe.ending;
  const credentials = `Basic ${Buffer.from('me:p:w').toString('base64')}`;
  expect(proxy.asked).toEqual([{ authority: '[2001:db8::1]:80', credentials }]);
});

test('CONNECT carries no datagrams', () => {
  expect(dialer('http://127.0.0.1:1')).not.toHaveProperty('openPort');
});

function portOf(url: string, log?: LogLines): DatagramPort {
  const port = dialer(url, log).openPort?.();
  if (port === undefined) throw new Error('no port');
  onTestFinished(() => port.close());
  return port;
}

/** A flow, and what comes next of it. */
function flowOf(port: DatagramPort, to: number): { send(text: string): void; next(): Promise<string> } {
  const heard = new Heard<string>();
  const flow = port.flow(
    { address: '127.0.0.1', port: to },
    {
      onDatagrams: (payloads, from) => {
        for (const payload of payloads) heard.push(`${from}: ${Buffer.from(payload).toString()}`);
      },
      onUnreachable: (reason) => heard.push(reason),
      onTooBig: () => heard.push('too big'),
    },
  );
  return { send: (text) => flow.send(Buffer.from(text)), next: () => heard.next() };
}

async function echoServer(): Promise<number> {
  const socket = createSocket('udp4');
  socket.on('message', (message, { port, address }) => socket.send(message, port, address));
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  onTestFinished(() => void socket.close());
  return socket.address().port;
}

describe('datagrams by SOCKS5', () => {
  test('go there and back by one association, the first ones too', async () => {
    const [proxy, one, other] = [await associateServer(), await echoServer(), await echoServer()];
    const port = portOf(`socks5://127.0.0.1:${proxy.port}`);
    const [toOne, toOther] = [flowOf(port, one), flowOf(port, other)];
    toOne.send('first');
    toOther.send('second');
    expect(await toOne.next()).toBe(`${one}: first`);
    expect(await toOther.next()).toBe(`${other}: second`);
    toOne.send('third');
    expect(await toOne.next()).toBe(`${one}: third`);
    expect(proxy.controls.size).toBe(1);
    expect(proxy.relayed.toSorted()).toEqual(
      [`127.0.0.1:${one}`, `127.0.0.1:${one}`, `127.0.0.1:${other}`].toSorted(),
    );
  });

  test('an answer from another port of who was sent to comes from that, as of a TFTP server', async () => {
    const [proxy, other] = [await associateServer(), createSocket('udp4')];
    onTestFinished(() => void other.close());
    const asked = createSocket('udp4', (message, { port, address }) => other.send(message, port, address));
    onTestFinished(() => void asked.close());
    await once(asked.bind(0, '127.0.0.1'), 'listening');
    await once(other.bind(0, '127.0.0.1'), 'listening');
    const flow = flowOf(portOf(`socks5://127.0.0.1:${proxy.port}`), asked.address().port);
    flow.send('read');
    expect(await flow.next()).toBe(`${other.address().port}: read`);
  });

  test('an association that the proxy has ended is followed by another one', async () => {
    const [proxy, to] = [await associateServer(), await echoServer()];
    const flow = flowOf(portOf(`socks5://127.0.0.1:${proxy.port}`), to);
    flow.send('one');
    await flow.next();
    const [control] = proxy.controls;
    if (control === undefined) throw new Error('no connection');
    const closed = once(control, 'close');
    control.end();
    await closed;
    flow.send('two');
    expect(await flow.next()).toBe(`${to}: two`);
  });

  test('the port closed, the association is given back', async () => {
    const [proxy, to] = [await associateServer(), await echoServer()];
    const port = portOf(`socks5://127.0.0.1:${proxy.port}`);
    const flow = flowOf(port, to);
    flow.send('one');
    await flow.next();
    const [control] = proxy.controls;
    if (control === undefined) throw new Error('no connection');
    const ended = once(control.resume(), 'end');
    port.close();
    await ended;
  });

  test.each([
    ['a name', [3, 13, ...Buffer.from('relay.example')]],
    ['its address', [1, 127, 0, 0, 1]],
  ])('a proxy that says %s for its relay is sent them', async (_, bound) => {
    const [proxy, to] = [await associateServer({ bound }), await echoServer()];
    const flow = flowOf(portOf(`socks5://127.0.0.1:${proxy.port}`), to);
    flow.send('one');
    expect(await flow.next()).toBe(`${to}: one`);
    flow.send('two');
    expect(await flow.next()).toBe(`${to}: two`);
  });

  test('a proxy that says an address of no known type is told of by one line', async () => {
    const proxy = await associateServer({ bound: [9, 1, 2, 3, 4] });
    const log = new LogLines();
    const flow = flowOf(portOf(`socks5://127.0.0.1:${proxy.port}`, log), 9);
    flow.send('one');
    expect(await flow.next()).toBe('net');
    flow.send('two');
    expect(await flow.next()).toBe('net');
    expect(log.lines).toEqual([expect.stringContaining('does not speak SOCKS5')]);
  });

  test('what another host sends from the port of the relay is no answer', async () => {
    const [proxy, to] = [await associateServer(), await echoServer()];
    const flow = flowOf(portOf(`socks5://127.0.0.1:${proxy.port}`), to);
    flow.send('one');
    await flow.next();
    const [client = 0] = proxy.clients;
    const other = createSocket('udp4');
    onTestFinished(() => void other.close());
    other.bind(proxy.relay.address().port, '127.0.0.2');
    await once(other, 'listening');
    const forged = Buffer.concat([
      Uint8Array.of(0, 0, 0, 1, 127, 0, 0, 1, to >> 8, to & 255),
      Buffer.from('!'),
    ]);
    await new Promise((resolve) => {
      other.send(forged, client, '127.0.0.1', resolve);
    });
    flow.send('two');
    expect(await flow.next()).toBe(`${to}: two`);
  });

  test('a datagram that is too large is lost alone', async () => {
    const [proxy, to] = [await associateServer(), await echoServer()];
    const flow = flowOf(portOf(`socks5://127.0.0.1:${proxy.port}`), to);
    flow.send('one');
    await flow.next();
    flow.send('x'.repeat(65_507));
    flow.send('two');
    expect(await flow.next()).toBe(`${to}: two`);
    expect(proxy.clients.size).toBe(1);
  });

  test('a relay that is not there any more ends the association', async () => {
    const [proxy, to] = [await associateServer(), await echoServer()];
    const flow = flowOf(portOf(`socks5://127.0.0.1:${proxy.port}`), to);
    flow.send('one');
    await flow.next();
    const [control] = proxy.controls;
    if (control === undefined) throw new Error('no connection');
    const ended = once(control.resume(), 'end');
    const closed = once(proxy.relay, 'close');
    proxy.relay.close();
    await closed;
    flow.send('two');
    await ended;
  });

  test('a proxy without them: told to the sender, at once from then on, and by one line', async () => {
    const proxy = await associateServer({ reply: 7 });
    const log = new LogLines();
    const flow = flowOf(portOf(`socks5://127.0.0.1:${proxy.port}`, log), 9);
    flow.send('one');
    expect(await flow.next()).toBe('admin-prohibited');
    flow.send('two');
    expect(await flow.next()).toBe('admin-prohibited');
    expect(log.lines).toEqual([expect.stringContaining('the proxy has no such command')]);
  });
});

describe('URLs', () => {
  test.each([
    ['socks5://proxy.example', { kind: 'socks5', host: 'proxy.example', port: 1080, credentials: undefined }],
    ['socks5h://[2001:db8::1]:9050', { kind: 'socks5', host: '2001:db8::1', port: 9050 }],
    [
      'http://u:p@proxy.example:3128/',
      { kind: 'http', tls: false, port: 3128, credentials: { user: 'u', password: 'p' } },
    ],
    ['https://proxy.example', { kind: 'http', tls: true, host: 'proxy.example', port: 443 }],
  ])('%s', (url, expected) => {
    const proxy = parseProxy(url, 'x');
    expect(proxy).toMatchObject(expected);
    expect(proxy.label).not.toContain('u:p');
  });

  test.each([
    'proxy.example:3128',
    'ftp://proxy.example',
    'http://x/path',
    'http://a%ff:b@x',
    'socks5://',
    '',
    `http://${'a'.repeat(300)}@x`,
  ])('not %s', (url) => {
    expect(() => parseProxy(url, '--egress-proxy')).toThrow(
      expect.objectContaining({ code: 'EGRESS_PROXY_INVALID' }),
    );
  });
});
