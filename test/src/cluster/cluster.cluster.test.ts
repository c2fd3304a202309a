/**
 * The whole way to real pods: the embedded cluster's or a real one's, whichever
 * $KNS_TEST_KUBECONFIG names. The namespace is `e2e`, with its program of many ports.
 */
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import {
  type Cluster,
  type ClusterAccess,
  type TransportName,
  connectCluster,
  loadAccess,
} from '../../../src/cluster/index.ts';
import { LogLines, Probe, dial, dialPod, service } from './probe.ts';

const kubeconfig = process.env['KNS_TEST_KUBECONFIG'] ?? '';
const MIB = 1024 * 1024;
const HTTP_OK = /^HTTP\/1\.[01] 200 /;

let access: ClusterAccess;
let cluster: Cluster;

/** The bytes that the program's sources send: byte i is i mod 251. */
function pattern(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let i = 0; i < length; i++) bytes[i] = i % 251;
  return bytes;
}

function sha256(chunks: readonly Uint8Array[]): string {
  const hash = createHash('sha256');
  for (const chunk of chunks) hash.update(chunk);
  return hash.digest('hex');
}

async function get(from: Cluster, path: string): Promise<Probe> {
  const probe = dial(from, 'web', 80);
  await probe.send(`GET ${path} HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n`);
  await probe.ending;
  return probe;
}

async function echoOnce(from: Cluster, text = 'x'): Promise<void> {
  const probe = dial(from, 'multi', 7);
  await probe.send(text);
  const error = probe.ending.then((ending) => Promise.reject(new Error(JSON.stringify(ending))));
  await Promise.race([probe.until(() => probe.text === text), error]);
  probe.stream.destroy();
}

function openSockets(): number {
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith('socket:');
    } catch {
      return false; // the descriptor by which the folder was read
    }
  }).length;
}

async function failure(access: ClusterAccess, namespace: string): Promise<unknown> {
  return connectCluster(access, { namespaces: [namespace], log: new LogLines() }).then(
    () => undefined,
    (error: unknown) => error,
  );
}

/** The account that may forward and look things up in `e2e`, and nothing else. */
function forwarder(): Promise<ClusterAccess> {
  return loadAccess({ kubeconfig: process.env['KNS_TEST_FORWARDER_KUBECONFIG'] ?? '' });
}

beforeAll(async () => {
  access = await loadAccess({ kubeconfig });
  cluster = await connectCluster(access, {
    namespaces: ['e2e'],
    log: new LogLines(),
    limits: { halfCloseSilenceMs: 1_500, warmConnections: 0 },
  });
});

afterAll(async () => {
  await cluster.close();
});

describe('what there is', () => {
  test('Services, with their ports and kinds', () => {
    expect(cluster.services.map(({ name }) => name).sort()).toEqual([
      'db',
      'empty',
      'external',
      'multi',
      'pair',
      'sick',
      'web',
    ]);
    expect(service(cluster, 'web')).toMatchObject({
      namespace: 'e2e',
      headless: false,
      ports: [{ port: 80, protocol: 'TCP', targetPort: 8080 }],
    });
    expect(service(cluster, 'db')).toMatchObject({ headless: true });
    expect(service(cluster, 'external')).toMatchObject({
      type: 'ExternalName',
      externalName: 'example.invalid',
    });
  });

  test('ports: those of the Service, and any under a headless name', () => {
    expect(cluster.hasPort(service(cluster, 'multi'), 443)).toBe(true);
    expect(cluster.hasPort(service(cluster, 'multi'), 444)).toBe(false);
    expect(cluster.hasPort(service(cluster, 'db'), 8080)).toBe(true);
  });

  test('pods with names of their own under a headless Service', () => {
    const pods = cluster.podsOf(service(cluster, 'db'));
    expect(pods.map(({ label }) => label).sort()).toEqual(['db-0', 'db-1']);
    expect(cluster.podsOf(service(cluster, 'web'))).toHaveLength(2);
  });
});

describe.each<TransportName>(['spdy-websocket', 'spdy', 'websocket'])('by %s', (transport) => {
  let one: Cluster;

  beforeAll(async () => {
    one = await connectCluster(access, {
      namespaces: ['e2e'],
      log: new LogLines(),
      transports: [transport],
      limits: { halfCloseSilenceMs: 1_500 },
    });
  });

  afterAll(async () => {
    await one.close();
  });

  test('HTTP, from each of two pods in turn', async () => {
    const hosts = new Set<string>();
    for (const { text } of await Promise.all([1, 2, 3, 4].map(() => get(one, '/')))) {
      expect(text).toMatch(HTTP_OK);
      hosts.add(/hello from (\S+)/.exec(text)?.[1] ?? '');
    }
    expect(hosts.size).toBe(2);
  });

  test('a silent connection is kept by pings, which the server answers', async () => {
    const limits = { pingMs: 100, pingsMissed: 10 };
    const options = { namespaces: ['e2e'], log: new LogLines(), transports: [transport], limits };
    const pinging = await connectCluster(access, options);
    const probe = dial(pinging, 'multi', 7);
    await probe.send('a');
    await probe.until(() => probe.text === 'a');
    await delay(2_500); // twice the silence after which it would be dead
    await probe.send('b');
    await probe.until(() => probe.text === 'ab');
    expect(probe.events).toEqual(['established', 'data']);
    await pinging.close();
  });

  test('8 MiB down, by content', async () => {
    const probe = dial(one, 'multi', 19);
    await probe.send(`${8 * MIB}\n`);
    expect(await probe.ending).toEqual({ kind: 'end' });
    expect(sha256(probe.chunks)).toBe(sha256([pattern(8 * MIB)]));
  });

  test('8 MiB up and back at once, by content', async () => {
    const probe = dial(one, 'multi', 7);
    const body = randomBytes(8 * MIB);
    const sent: Promise<void>[] = [];
    for (let at = 0; at < body.length; at += 100_000) sent.push(probe.send(body.subarray(at, at + 100_000)));
    await Promise.all(sent);
    await probe.until(() => probe.bytes === body.length);
    expect(sha256(probe.chunks)).toBe(sha256([body]));
    probe.stream.destroy();
  });

  test('a reader that pauses gets all of it', async () => {
    const probe = dial(one, 'multi', 19);
    await probe.send(`${8 * MIB}\n`);
    await probe.until(() => probe.bytes > 0);
    probe.stream.pause();
    await echoOnce(one); // time passes, and another connection is not held up
    probe.stream.resume();
    expect(await probe.ending).toEqual({ kind: 'end' });
    expect(sha256(probe.chunks)).toBe(sha256([pattern(8 * MIB)]));
  });

  test('a client that half-closes gets its whole answer, and then an end', async () => {
    const probe = dial(one, 'multi', 79);
    void probe.send('a\nb\n');
    probe.stream.end();
    expect(await probe.ending).toEqual({ kind: 'end' });
    expect(probe.text).toBe('1: a\n2: b\n');
  });

  test('the FIN of a pod and its reset are told apart', async () => {
    const [fin, reset] = [dialPod(one, 'db', 'db-0', 7005), dialPod(one, 'db', 'db-0', 7006)];
    expect(await fin.ending).toEqual({ kind: 'end' });
    expect(fin.text).toBe('half\n');
    expect(await reset.ending).toMatchObject({ error: { reason: 'reset' } });
  });

  test('connections to several ports of a pod at once, each to its own', async () => {
    const ports = [7004, 7005, 7004, 7005, 7004, 7005];
    const probes = ports.map((port) => dialPod(one, 'db', 'db-1', port));
    const greetings = { 7004: '220 db-1\r\n', 7005: 'half\n' } as Record<number, string>;
    await Promise.all(probes.map((probe, i) => probe.until(() => probe.text === greetings[ports[i]])));
    for (const { stream } of probes) stream.destroy();
  });

  test('a port on which no pod listens is refused', async () => {
    const probe = dial(one, 'db', 1);
    expect(await probe.ending).toMatchObject({ error: { reason: 'refused' } });
    expect(probe.events).toEqual(['refused']);
    await echoOnce(one); // and nothing else has suffered
  });

  test('200 connections at once', async () => {
    await Promise.all(Array.from({ length: 200 }, (_, i) => echoOnce(one, `number ${i}`)));
  });
});

describe('where a connection goes', () => {
  test.each([
    ['db-0', 5432, 'the Service’s port, which leads to another'],
    ['db-1', 7000, 'the Service’s port'],
  ])('%s:%i, %s', async (hostname, port) => {
    const probe = dialPod(cluster, 'db', hostname, port);
    await probe.send('ping');
    await probe.until(() => probe.text === 'ping');
    probe.stream.destroy();
  });

  test('a pod by its name, on a port that the Service does not have', async () => {
    const probe = dialPod(cluster, 'db', 'db-1', 7004);
    await probe.until(() => probe.text.includes('\n'));
    expect(probe.text).toMatch(/^220 db-1/);
    probe.stream.destroy();
  });

  test('the named port of a second container', async () => {
    const probe = dial(cluster, 'pair', 80);
    await probe.send('GET /healthz HTTP/1.0\r\n\r\n');
    await probe.until(() => probe.text.endsWith('ok\n'));
    probe.stream.destroy();
  });

  test.each([
    ['web', 81],
    ['sick', 80],
    ['empty', 80],
    ['external', 80],
  ])('%s:%i is refused', async (name, port) => {
    const probe = dial(cluster, name, port);
    expect(await probe.ending).toMatchObject({ error: { reason: 'refused' } });
    expect(probe.events).toEqual(['refused']);
  });

  test('an unknown pod of a headless Service is refused', async () => {
    const probe = dialPod(cluster, 'db', 'db-7', 7000);
    expect(await probe.ending).toMatchObject({ error: { reason: 'refused' } });
  });
});

describe('in the long run', () => {
  test('2,000 connections one after another, and no more sockets; after close, none', async () => {
    const before = openSockets();
    // Those that are opened ahead come when they come, and would hide as many that leak.
    const limits = { warmConnections: 0 };
    const busy = await connectCluster(access, { namespaces: ['e2e'], log: new LogLines(), limits });
    await echoOnce(busy);
    await echoOnce(busy);
    // Two watches, and a connection to each of the two pods.
    expect(openSockets()).toBeLessThanOrEqual(before + 4);
    for (let i = 0; i < 2_000; i++) await echoOnce(busy);
    // One more may be there on which endpoints are listed again, kept for the next time.
    expect(openSockets()).toBeLessThanOrEqual(before + 5);
    await busy.close();
    expect(openSockets()).toBeLessThanOrEqual(before);
  });

  test('opened ahead: within their limit', async () => {
    const before = openSockets();
    const limits = { warmConnections: 2, warmDelayMs: 0 };
    const ready = await connectCluster(access, { namespaces: ['e2e'], log: new LogLines(), limits });
    // Two watches, and two of the more that there are to open.
    await vi.waitFor(() => expect(openSockets()).toBeGreaterThanOrEqual(before + 4), { timeout: 10_000 });
    for (let i = 0; i < 200; i++) await echoOnce(ready);
    // And those to the two pods that are dialled, and one on which endpoints are listed again.
    expect(openSockets()).toBeLessThanOrEqual(before + 4 + 2 + 1);
    await ready.close();
    expect(openSockets()).toBeLessThanOrEqual(before);
  });
});

describe('who may do what', () => {
  let folder: string;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'kns-access-'));
  });

  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  async function withToken(token: string): Promise<ClusterAccess> {
    const { server, tls } = await loadAccess({ kubeconfig });
    const file = join(folder, 'config');
    writeFileSync(
      file,
      JSON.stringify({
        clusters: [
          {
            name: 'c',
            cluster: {
              server: server.href,
              'certificate-authority-data': tls.ca?.toString('base64'),
            },
          },
        ],
        users: [{ name: 'u', user: { token } }],
        contexts: [{ name: 'forwarder', context: { cluster: 'c', user: 'u', namespace: 'e2e' } }],
        'current-context': 'forwarder',
      }),
    );
    return loadAccess({ kubeconfig: file });
  }

  test('the restricted account forwards', async () => {
    const restricted = await connectCluster(await forwarder(), { namespaces: ['e2e'], log: new LogLines() });
    await echoOnce(restricted);
    await restricted.close();
  });

  test('an unknown namespace is known as such to who may see namespaces, and only to them', async () => {
    expect(await failure(access, 'no-such-namespace')).toMatchObject({ code: 'NAMESPACE_UNKNOWN' });
    expect(await failure(await forwarder(), 'no-such-namespace')).toMatchObject({
      code: 'NAMESPACE_UNVERIFIED',
      remedy: expect.stringContaining('spelling'),
    });
  });

  test('an expired token', async () => {
    expect(await failure(await withToken('not-a-token'), 'e2e')).toMatchObject({
      code: 'UNAUTHORIZED',
      remedy: expect.stringContaining('log in again'),
    });
  });

  test('a server that is not there, and a certificate of somebody else', async () => {
    const away = await withToken('any');
    const gone = { ...away, server: new URL('https://127.0.0.1:1/') };
    expect(await failure(gone, 'e2e')).toMatchObject({
      code: 'API_UNREACHABLE',
      message: expect.stringContaining('ECONNREFUSED'),
    });
    expect(await failure({ ...away, tls: {} }, 'e2e')).toMatchObject({
      code: 'API_UNREACHABLE',
      remedy: expect.stringContaining('certificate-authority'),
    });
  });
});
