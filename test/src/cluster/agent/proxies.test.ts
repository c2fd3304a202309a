/** Requests and upgrades through real proxies, and what is said of those that do not let us through. */
import { once } from 'node:events';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { ask, BARE_ENV, connect } from '../access/ask.ts';
import { type Authority, base64, makeAuthority, type Pair } from '../access/authority.ts';
import { kubeconfigText } from '../access/kubeconfig-text.ts';
import { recordingServer } from '../access/recording-server.ts';
import { connectProxy, socksProxy, type TestProxy } from './proxies.ts';

let authority: Authority;
let pair: Pair;

beforeAll(async () => {
  authority = await makeAuthority();
  pair = await authority.server(['127.0.0.1', 'api.test']);
});

/** A name that no resolver knows: the proxy alone does. */
const NAMES = { 'api.test': '127.0.0.1' };

const configFor = (server: string, proxyUrl?: string) =>
  kubeconfigText({
    user: { token: 't' },
    cluster: {
      server,
      'certificate-authority-data': base64(authority.ca),
      ...(proxyUrl === undefined ? {} : { 'proxy-url': proxyUrl }),
    },
  });

describe.each<[string, () => Promise<TestProxy>, string]>([
  ['CONNECT', () => connectProxy({ names: NAMES }), 'http'],
  ['SOCKS5', () => socksProxy({ names: NAMES }), 'socks5'],
  ['SOCKS5, by its other name', () => socksProxy({ names: NAMES }), 'socks5h'],
])('through %s', (_name, start, scheme) => {
  test('requests go, keep their connection, and resume their session', async () => {
    const [server, proxy] = [await recordingServer(authority, pair), await start()];
    const url = `https://api.test:${server.port}`;
    const client = await connect({ kubeconfigText: configFor(url, `${scheme}://127.0.0.1:${proxy.port}`) });
    await client.get('/a');
    await client.get('/b');
    await Promise.all([client.get('/c'), client.get('/d')]);
    const connections = server.requests.map(({ connection }) => connection);
    expect(connections.toSorted((one, other) => one - other)).toEqual([1, 1, 1, 2]);
    expect(server.requests.find(({ connection }) => connection === 2)?.sessionReused).toBe(true);
    expect(server.requests[0]).toMatchObject({
      identity: ['authorization: Bearer t'],
      servername: 'api.test',
    });
    const destination = `api.test:${server.port}`;
    expect(proxy.asked.map((asked) => asked.authority)).toEqual([destination, destination]);
    await client.close();
    await expect.poll(() => proxy.open.size, { timeout: 5_000 }).toBe(0);
  });

  test('upgrades go', async () => {
    const [proxy, server] = [await start(), https.createServer({ ...pair })];
    server.on('upgrade', (_request, socket: Duplex) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n');
      socket.pipe(socket);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    const proxyUrl = `${scheme}://127.0.0.1:${proxy.port}`;
    const client = await connect({ kubeconfigText: configFor(`https://api.test:${port}`, proxyUrl) });
    const headers = { Connection: 'Upgrade', Upgrade: 'echo' };
    const answer = await client.upgrade({ method: 'GET', path: '/', headers });
    if (!answer.upgraded) throw new Error(`refused: ${answer.status}`);
    answer.socket.write('hello');
    const [echoed]: unknown[] = await once(answer.socket, 'data');
    expect(String(echoed)).toBe('hello');
    expect(proxy.asked).toHaveLength(1);
  });
});

test('HTTPS_PROXY and NO_PROXY decide where the kubeconfig does not', async () => {
  const [server, proxy] = [await recordingServer(authority, pair), await connectProxy({ names: NAMES })];
  const config = { kubeconfigText: configFor(`https://api.test:${server.port}`) };
  const env = { ...BARE_ENV, HTTPS_PROXY: `127.0.0.1:${proxy.port}` };
  expect(await ask(config, env)).toMatchObject({ status: 200 });
  expect(proxy.asked).toHaveLength(1);
  await expect(ask(config, { ...env, NO_PROXY: '.test' })).rejects.toMatchObject({
    code: 'API_UNREACHABLE', // api.test has no address here
  });
  expect(await ask({ kubeconfigText: configFor(server.url) }, env)).toMatchObject({ status: 200 });
  expect(proxy.asked).toHaveLength(1);
});

test('proxy-url holds for loopback too, whatever NO_PROXY says', async () => {
  const [server, proxy] = [await recordingServer(authority, pair), await connectProxy()];
  const config = { kubeconfigText: configFor(server.url, `http://127.0.0.1:${proxy.port}`) };
  expect(await ask(config, { ...BARE_ENV, NO_PROXY: '*' })).toMatchObject({ status: 200 });
  expect(proxy.asked).toHaveLength(1);
});

test('credentials in the URL are given, percent-decoded', async () => {
  const [server, proxy] = [await recordingServer(authority, pair), await connectProxy()];
  await ask({ kubeconfigText: configFor(server.url, `http://jane:p%40ss%3Aword@127.0.0.1:${proxy.port}`) });
  expect(proxy.asked[0]?.credentials).toBe(`Basic ${base64('jane:p@ss:word')}`);
});

test('one that speaks TLS itself, by the authority of the cluster', async () => {
  const [server, proxy] = [await recordingServer(authority, pair), await connectProxy({ tls: pair })];
  const config = { kubeconfigText: configFor(server.url, `https://127.0.0.1:${proxy.port}`) };
  expect(await ask(config)).toMatchObject({ status: 200 });
  expect(proxy.asked).toHaveLength(1);
});

test('credentials for SOCKS5 too', async () => {
  const [server, proxy] = [
    await recordingServer(authority, pair),
    await socksProxy({ login: ['jane', 'p@ss'] }),
  ];
  await ask({ kubeconfigText: configFor(server.url, `socks5://jane:p%40ss@127.0.0.1:${proxy.port}`) });
  expect(proxy.asked[0]?.credentials).toBe('jane:p@ss');
});

test('a plain server is reached through a tunnel as well', async () => {
  const proxy = await connectProxy({ refuse: 403 });
  const config = { kubeconfigText: configFor('http://api.test:8001', `http://127.0.0.1:${proxy.port}`) };
  await expect(ask(config)).rejects.toMatchObject({ code: 'PROXY_FAILED' });
  expect(proxy.asked).toEqual([{ authority: 'api.test:8001', credentials: undefined }]);
});

describe('one that does not let us through is one clear line:', () => {
  test.each<[string, () => Promise<string>, RegExp, RegExp]>([
    [
      'it wants credentials',
      async () => `http://jane:secret@127.0.0.1:${(await connectProxy({ refuse: 407 })).port}`,
      /wants other credentials \(407 No\)/,
      /USER:PASSWORD/,
    ],
    [
      'it forbids the server',
      async () => `http://127.0.0.1:${(await connectProxy({ refuse: 403 })).port}`,
      /refuses a connection to api\.test:6443 \(403 No\)/,
      /NO_PROXY=api\.test$/,
    ],
    ['nobody listens', async () => 'http://127.0.0.1:1', /ECONNREFUSED/, /that the proxy runs/],
    ['nobody listens for SOCKS5', async () => 'socks5://127.0.0.1:1', /ECONNREFUSED/, /that the proxy runs/],
    [
      'SOCKS5 refuses',
      async () => `socks5://127.0.0.1:${(await socksProxy({ refuse: 2 })).port}`,
      /NotAllowed/,
      /that the proxy runs/,
    ],
    [
      'SOCKS5 wants credentials',
      async () => `socks5://127.0.0.1:${(await socksProxy({ login: ['a', 'secret'] })).port}`,
      /auth/i,
      /that the proxy runs/,
    ],
    [
      'its certificate is of nobody we know',
      async () => {
        const other = await (await makeAuthority()).server(['127.0.0.1']);
        return `https://127.0.0.1:${(await connectProxy({ tls: other })).port}`;
      },
      /certificate/,
      /that the proxy runs/,
    ],
  ])('%s', async (_name, start, says, remedy) => {
    const config = { kubeconfigText: configFor('https://api.test:6443', await start()) };
    const error: unknown = await ask(config).catch((error: unknown) => error);
    expect(error).toMatchObject({
      code: 'PROXY_FAILED',
      message: expect.stringMatching(says),
      remedy: expect.stringMatching(remedy),
    });
    expect(String(error)).not.toMatch(/\n|secret/);
  });
});

test('one that says nothing keeps no one from leaving', async () => {
  const proxy = await connectProxy({ mute: true });
  const config = { kubeconfigText: configFor('https://api.test:6443', `http://127.0.0.1:${proxy.port}`) };
  const client = await connect(config);
  const waiting = expect(client.get('/')).rejects.toMatchObject({ code: 'CLUSTER_CLOSED' });
  await expect.poll(() => proxy.asked.length, { timeout: 5_000 }).toBe(1);
  await client.close();
  await waiting;
  await expect.poll(() => proxy.open.size, { timeout: 5_000 }).toBe(0);
});
