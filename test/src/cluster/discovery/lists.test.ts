/** Requests to the API server: what is asked, in which order, and what is made of the answers. */
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Cluster, connectCluster, connectUnread, loadAccess } from '../../../../src/cluster/index.ts';
import { LogLines } from '../probe.ts';
import { kubeconfigFor } from '../scripted-api.ts';

type Answer = { status?: number; body?: string; gzip?: boolean } | ((socket: Socket) => void);

const SERVICES = '/api/v1/namespaces/n/services';
const SLICES_V1 = '/apis/discovery.k8s.io/v1/namespaces/n/endpointslices';
const SLICES_BETA = '/apis/discovery.k8s.io/v1beta1/namespaces/n/endpointslices';
const ENDPOINTS = '/api/v1/namespaces/n/endpoints';
const NAMESPACE = '/api/v1/namespaces/n';

const empty: Answer = { body: '{"items":[]}' };
const one: Answer = {
  body: JSON.stringify({ items: [{ metadata: { namespace: 'n', name: 'web' }, spec: { ports: [] } }] }),
};
const forbidden: Answer = { status: 403, body: '{"message":"forbidden"}' };

let server: http.Server;
let folder: string;
let answers: Record<string, Answer>;
let asked: string[];
let connections: number;
let opened: Cluster[];

beforeEach(async () => {
  [answers, asked, connections, opened] = [{}, [], 0, []];
  folder = mkdtempSync(join(tmpdir(), 'kns-discovery-'));
  server = http.createServer((request, response) => {
    const path = request.url ?? '';
    if (path.includes('watch=true')) {
      response.writeHead(403);
      response.end();
      return;
    }
    asked.push(path);
    const answer = answers[path] ?? { status: 404, body: '404 page not found' };
    if (typeof answer === 'function') {
      answer(request.socket);
      return;
    }
    const body = Buffer.from(answer.body ?? '');
    response.writeHead(answer.status ?? 200, answer.gzip ? { 'Content-Encoding': 'gzip' } : {});
    response.end(answer.gzip ? gzipSync(body) : body);
  });
  server.on('connection', () => connections++);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});

afterEach(async () => {
  await Promise.all(opened.map((cluster) => cluster.close()));
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true });
});

interface ConnectChoice {
  timeoutMs?: number;
  connect?: typeof connectCluster;
  selection?: { allNamespaces?: boolean };
}

async function connect(
  log = new LogLines(),
  { timeoutMs = 5_000, connect = connectCluster, selection = {} }: ConnectChoice = {},
): Promise<Cluster> {
  const file = join(folder, 'config');
  const { port } = server.address() as AddressInfo;
  writeFileSync(file, kubeconfigFor(`http://127.0.0.1:${port}`));
  const access = await loadAccess({ kubeconfig: file });
  const cluster = await connect(access, { namespaces: ['n', 'n'], ...selection, log, timeoutMs });
  opened.push(cluster);
  return cluster;
}

describe('endpoints', () => {
  test.each([
    ['v1, where there is one', { [SLICES_V1]: empty }, [SLICES_V1]],
    ['v1beta1 before Kubernetes 1.21', { [SLICES_BETA]: empty }, [SLICES_V1, SLICES_BETA]],
    [
      'core Endpoints, where slices may not be listed',
      { [SLICES_V1]: forbidden, [SLICES_BETA]: forbidden, [ENDPOINTS]: empty },
      [SLICES_V1, SLICES_BETA, ENDPOINTS],
    ],
  ])('%s', async (_case, endpoints, order) => {
    answers = { [SERVICES]: one, ...endpoints };
    await connect();
    expect(asked.filter((path) => path !== SERVICES)).toEqual(order);
    expect(asked.filter((path) => path === SERVICES)).toHaveLength(1);
  });

  test('one that the server lacks is no right to ask for', async () => {
    answers = { [SERVICES]: one, [SLICES_BETA]: forbidden, [ENDPOINTS]: forbidden };
    await expect(connect()).rejects.toMatchObject({
      code: 'FORBIDDEN',
      message: expect.stringContaining('may not list endpointslices.discovery.k8s.io'),
    });
  });

  test('none of them allowed: the right to ask for is the one to slices', async () => {
    answers = { [SERVICES]: one, [SLICES_V1]: forbidden, [ENDPOINTS]: forbidden };
    await expect(connect()).rejects.toMatchObject({
      code: 'FORBIDDEN',
      message: expect.stringContaining('may not list endpointslices.discovery.k8s.io in namespace "n"'),
    });
  });
});

describe('a namespace without Services', () => {
  test('that exists is no error', async () => {
    answers = { [SERVICES]: empty, [SLICES_V1]: empty, [NAMESPACE]: { body: '{"kind":"Namespace"}' } };
    expect((await connect()).services).toEqual([]);
  });

  test('that may not be seen is said to be unverified', async () => {
    answers = { [SERVICES]: empty, [SLICES_V1]: empty, [NAMESPACE]: forbidden };
    const log = new LogLines();
    await connect(log);
    expect(log.lines.filter((line) => line.includes('whether it exists'))).toHaveLength(1);
  });

  test('whose Services may not be listed: the right is named', async () => {
    answers = { [SERVICES]: forbidden, [SLICES_V1]: forbidden, [NAMESPACE]: { body: '{}' } };
    await expect(connect()).rejects.toMatchObject({
      code: 'FORBIDDEN',
      remedy: expect.stringContaining('auth can-i list services'),
    });
  });
});

describe('a long list', () => {
  const items = Array.from({ length: 1_001 }, (_, i) => ({
    metadata: { namespace: 'n', name: `svc-${i}`, resourceVersion: '1' },
    spec: { ports: [] },
  }));
  const long: Answer = { body: JSON.stringify({ items }) };

  test('is counted when it has come, and known when it is read', async () => {
    answers = { [SERVICES]: long, [SLICES_V1]: empty };
    const cluster = await connect(new LogLines(), { connect: connectUnread });
    expect(cluster.services).toEqual([]);
    expect(cluster.serviceCount).toBe(1_001);
    await cluster.read();
    expect(cluster.services).toHaveLength(1_001);
    expect(cluster.serviceCount).toBe(1_001);
    expect(cluster.find('n', 'svc-1000')).toMatchObject({ name: 'svc-1000' });
  });

  test('is read no further once the cluster is closed', async () => {
    answers = { [SERVICES]: long, [SLICES_V1]: empty };
    const cluster = await connect(new LogLines(), { connect: connectUnread });
    const reading = cluster.read();
    await cluster.close();
    await reading;
    expect(cluster.services.length).toBeLessThan(1_001);
  });

  test('with something in it that is no object is none', async () => {
    answers = { [SERVICES]: { body: JSON.stringify({ items: [...items, {}] }) }, [SLICES_V1]: empty };
    const cluster = await connect(new LogLines(), { connect: connectUnread });
    await expect(cluster.read()).rejects.toMatchObject({
      code: 'API_FAILED',
      message: expect.stringContaining('list services in namespace "n": an object without a name'),
    });
  });

  test('is let go where what it was for is given up', async () => {
    const slices = items.map(({ metadata }) => ({
      metadata: { ...metadata, labels: { 'kubernetes.io/service-name': metadata.name } },
      endpoints: [{ addresses: ['10.0.0.1'], targetRef: { kind: 'Pod', name: `${metadata.name}-1` } }],
    }));
    answers = {
      '/api/v1/services': forbidden,
      '/apis/discovery.k8s.io/v1/endpointslices': { body: JSON.stringify({ items: slices }) },
      '/api/v1/namespaces': { body: JSON.stringify({ items: [{ metadata: { name: 'n' } }] }) },
      [SERVICES]: long,
      [SLICES_V1]: empty,
    };
    const cluster = await connect(new LogLines(), { selection: { allNamespaces: true } });
    const last = cluster.find('n', 'svc-1000');
    expect(last).toBeDefined();
    expect(last && cluster.podsOf(last)).toEqual([]);
  });

  test('that breaks off is none', async () => {
    answers = { [SERVICES]: { body: JSON.stringify({ items }).slice(0, -1) }, [SLICES_V1]: empty };
    await expect(connect(new LogLines(), { connect: connectUnread })).rejects.toMatchObject({
      code: 'API_FAILED',
      message: expect.stringContaining('answered 200 to list services'),
    });
  });
});

describe('answers', () => {
  test('may be compressed', async () => {
    answers = { [SERVICES]: { ...one, gzip: true }, [SLICES_V1]: { ...empty, gzip: true } };
    expect((await connect()).services).toHaveLength(1);
  });

  test.each([[[{}]], [[null]], [[{ metadata: {} }]]])(
    'with something that is no object: %j',
    async (items) => {
      answers = { [SERVICES]: { body: JSON.stringify({ items }) }, [SLICES_V1]: empty };
      await expect(connect()).rejects.toMatchObject({
        code: 'API_FAILED',
        message: expect.stringContaining('list services in namespace "n": an object without a name'),
      });
    },
  );

  test('of something that is no Kubernetes', async () => {
    answers = { [SERVICES]: { body: '<html>please log in</html>' }, [SLICES_V1]: empty };
    await expect(connect()).rejects.toMatchObject({
      code: 'API_FAILED',
      message: expect.stringContaining('please log in'),
    });
  });

  test('that never come are waited for a limited time', async () => {
    answers = { [SERVICES]: () => {}, [SLICES_V1]: empty };
    await expect(connect(new LogLines(), { timeoutMs: 50 })).rejects.toMatchObject({
      code: 'API_UNREACHABLE',
      message: expect.stringContaining('no answer within 0.05 s'),
    });
  });

  test('that stop in the middle are waited for no longer', async () => {
    answers = {
      [SERVICES]: (socket) => {
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"items":');
      },
      [SLICES_V1]: empty,
    };
    await expect(connect(new LogLines(), { timeoutMs: 50 })).rejects.toMatchObject({
      code: 'API_UNREACHABLE',
      message: expect.stringContaining('no answer within 0.05 s'),
    });
  });

  test('that break off in the middle', async () => {
    answers = {
      [SERVICES]: (socket) => {
        socket.end('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"items":');
      },
      [SLICES_V1]: empty,
    };
    await expect(connect()).rejects.toMatchObject({ code: 'API_UNREACHABLE' });
  });

  test('on a kept connection that the server closes just then: asked again on another', async () => {
    let first = true;
    answers = {
      [SERVICES]: empty,
      [SLICES_V1]: empty,
      [NAMESPACE]: (socket) => {
        if (first) socket.destroy();
        else socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}');
        first = false;
      },
    };
    await connect();
    expect(asked.filter((path) => path === NAMESPACE)).toHaveLength(2);
    expect(connections).toBeGreaterThan(1);
  });
});
