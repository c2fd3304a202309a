/** TLS to the API server: sessions that are resumed, servers that are not the right ones. */
import net from 'node:net';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { ask, connect } from '../access/ask.ts';
import { type Authority, base64, makeAuthority, type Pair } from '../access/authority.ts';
import { kubeconfigText } from '../access/kubeconfig-text.ts';
import { recordingServer } from '../access/recording-server.ts';

let authority: Authority;
let pair: Pair;

beforeAll(async () => {
  authority = await makeAuthority();
  pair = await authority.server(['127.0.0.1', 'api.test']);
});

const configFor = (server: string, ca = authority.ca, more: object = {}) =>
  kubeconfigText({ cluster: { server, 'certificate-authority-data': base64(ca), ...more } });

test('requests after one another share a connection; at once, a resumed session', async () => {
  const server = await recordingServer(authority, pair);
  const client = await connect({ kubeconfigText: configFor(server.url) });
  await client.get('/a');
  await client.get('/b');
  await Promise.all([client.get('/c'), client.get('/d'), client.get('/e')]);
  const { requests } = server;
  expect(requests.slice(0, 2).map(({ connection }) => connection)).toEqual([1, 1]);
  const others = requests.filter(({ connection }) => connection > 1);
  expect(others).toHaveLength(2);
  expect(others.every(({ sessionReused }) => sessionReused)).toBe(true);
});

test('no more than a few idle connections are kept', async () => {
  const server = await recordingServer(authority, pair);
  const client = await connect({ kubeconfigText: configFor(server.url) });
  const paths = Array.from({ length: 12 }, (_, index) => `/${index}`);
  await Promise.all(paths.map((path) => client.get(path)));
  await Promise.all(paths.map((path) => client.get(path)));
  const [first, second] = [server.requests.slice(0, 12), server.requests.slice(12)];
  const known = new Set(first.map(({ connection }) => connection));
  expect(second.filter(({ connection }) => known.has(connection)).length).toBeLessThanOrEqual(4);
});

describe('a server that is not the right one is one clear line:', () => {
  test.each<[string, () => Promise<{ pair: Pair; ca?: string; more?: object }>, RegExp, RegExp]>([
    [
      'its authority is another',
      async () => ({ pair, ca: (await makeAuthority()).ca }),
      /signature|verify|certificate/,
      /certificate-authority/,
    ],
    [
      'its certificate has expired',
      async () => ({ pair: await authority.server(['127.0.0.1'], -1_000) }),
      /certificate has expired/,
      /check your clock/,
    ],
    [
      'its certificate is for another name',
      async () => ({ pair: await authority.server(['other.test']) }),
      /127\.0\.0\.1/,
      /tls-server-name/,
    ],
    [
      'its certificate is not for tls-server-name',
      async () => ({ pair, more: { 'tls-server-name': 'other.test' } }),
      /other\.test/,
      /tls-server-name/,
    ],
  ])('%s', async (_name, prepare, says, remedy) => {
    const { pair: presented, ca, more } = await prepare();
    const server = await recordingServer(authority, presented);
    const error: unknown = await ask({ kubeconfigText: configFor(server.url, ca, more) }).catch(
      (error: unknown) => error,
    );
    expect(error).toMatchObject({
      code: 'API_UNREACHABLE',
      message: expect.stringMatching(says),
      remedy: expect.stringMatching(remedy),
    });
    expect(String(error)).not.toContain('\n');
    expect(server.requests).toEqual([]);
  });

  test('it speaks no TLS', async () => {
    const server = net.createServer((socket) => {
      socket.on('error', () => {});
      socket.end('HTTP/1.0 400 Bad Request\r\n\r\n');
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    await expect(ask({ kubeconfigText: configFor(`https://127.0.0.1:${port}`) })).rejects.toMatchObject({
      code: 'API_UNREACHABLE',
      remedy: expect.stringContaining('speaks TLS'),
    });
  });
});

test('a server by a name that has no address, and by an address that is not its own', async () => {
  const server = await recordingServer(authority, await authority.server(['api.test', '10.9.8.7']));
  for (const name of ['api.test', '10.9.8.7']) {
    const config = { kubeconfigText: configFor(server.url, authority.ca, { 'tls-server-name': name }) };
    expect(await ask(config)).toMatchObject({ status: 200 });
  }
  expect(server.requests.map(({ servername }) => servername)).toEqual(['api.test', '']);
});

test('a renewed server certificate is no obstacle', async () => {
  const server = await recordingServer(authority, pair);
  const client = await connect({ kubeconfigText: configFor(server.url) });
  await client.get('/a');
  server.present(await authority.server(['127.0.0.1']));
  const answers = await Promise.all([client.get('/b'), client.get('/c')]);
  expect(answers.map(({ status }) => status)).toEqual([200, 200]);
});
