/** What is said of rights: by a server that may be asked, and by trying where it may not. */

import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type EmbeddedCluster, startEmbeddedCluster } from '../../../fixtures/cluster/index.ts';
import { Clusters, type ClusterContext } from '../../../src/doctor/cluster/context.ts';
import { rights } from '../../../src/doctor/cluster/rights/rights.ts';
import { transports } from '../../../src/doctor/cluster/transports.ts';
import { createLog } from '../../../src/observe/log.ts';
import type { ContextOptions } from '../../../src/session/contexts.ts';
import { kubeconfigText } from '../cluster/access/kubeconfig-text.ts';

const signal = new AbortController().signal;

function contextOf(kubeconfig: string, options: Partial<ContextOptions> = {}): ClusterContext {
  const clusters = new Clusters(
    {
      contexts: [],
      namespaces: [],
      allNamespaces: false,
      picks: [],
      aliases: [],
      waits: [],
      publishedTargets: [],
      kubeconfigText: kubeconfig,
      log: createLog(0),
      ...options,
    },
    {},
  );
  onTestFinished(() => clusters.close());
  return clusters.all[0];
}

/** Each right as `verb resource`, in a namespace `verb resource namespace`, and of one object with its name behind that. */
async function serverThatKnows(
  isAllowed: (right: string) => boolean,
): Promise<{ kubeconfig: string; asked: string[] }> {
  const asked: string[] = [];
  const server = http.createServer((request, response) => void answer(request, response));
  const answer = async (request: http.IncomingMessage, response: http.ServerResponse) => {
    const review = JSON.parse(await text(request));
    const { verb, group, resource, subresource, namespace, name } = review.spec.resourceAttributes;
    const kind = `${resource}${group === '' ? '' : `.${group}`}${subresource ? `/${subresource}` : ''}`;
    const right = [verb, kind, namespace, name].filter(Boolean).join(' ');
    asked.push(right);
    response.writeHead(201).end(JSON.stringify({ ...review, status: { allowed: isAllowed(right) } }));
  };
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo;
  return { kubeconfig: kubeconfigText({ cluster: { server: `http://127.0.0.1:${port}` } }), asked };
}

describe('a server that may be asked', () => {
  test('is asked for each right in each namespace', async () => {
    const { kubeconfig, asked } = await serverThatKnows(() => true);
    const cluster = contextOf(kubeconfig, { namespaces: [{ namespace: 'shop' }, { namespace: 'billing' }] });
    expect(await rights.run(cluster, signal)).toMatchObject({
      status: 'ok',
      facts: { by: 'asked', missing: [] },
    });
    for (const namespace of ['shop', 'billing']) {
      expect(asked).toEqual(
        expect.arrayContaining([
          `list services ${namespace}`,
          `watch services ${namespace}`,
          `list endpointslices.discovery.k8s.io ${namespace}`,
          `get pods/portforward ${namespace}`,
          `create pods/portforward ${namespace}`,
        ]),
      );
    }
  });

  test('one namespace of two lacks something: that one has its role written', async () => {
    const { kubeconfig } = await serverThatKnows((right) => right !== 'list services billing');
    const cluster = contextOf(kubeconfig, { namespaces: [{ namespace: 'shop' }, { namespace: 'billing' }] });
    const finding = await rights.run(cluster, signal);
    expect(finding).toMatchObject({ status: 'failed', code: 'FORBIDDEN' });
    expect(finding.message).toMatch(/may not list services in namespace "billing"$/);
    expect(finding.notes?.filter((line) => line.startsWith('metadata'))).toEqual([
      'metadata: {name: kns-rootless, namespace: billing}',
    ]);
  });

  test('all namespaces: one by one will do', async () => {
    const asIs = await serverThatKnows((right) => right === 'list namespaces');
    expect(await rights.run(contextOf(asIs.kubeconfig, { allNamespaces: true }), signal)).toMatchObject({
      status: 'warning',
      message: expect.stringContaining('namespace by namespace'),
    });
    const none = await serverThatKnows(() => false);
    expect(await rights.run(contextOf(none.kubeconfig, { allNamespaces: true }), signal)).toMatchObject({
      status: 'failed',
      notes: expect.arrayContaining(['kind: ClusterRole', 'metadata: {name: kns-rootless}']),
    });
  });
});

const pick = (kind: 'Service' | 'Pod' | 'Deployment' | 'StatefulSet', name: string) => ({
  namespaces: [{ namespace: 'shop' }],
  picks: [{ kind, name }],
});

describe('picks', () => {
  test('what leads to them is asked for, and each thing once', async () => {
    const { kubeconfig, asked } = await serverThatKnows(() => true);
    const picks = [...pick('Deployment', 'web').picks, ...pick('Pod', 'db-0').picks];
    const finding = await rights.run(contextOf(kubeconfig, { ...pick('Pod', ''), picks }), signal);
    expect(asked.filter((right) => /services|endpoint/.test(right))).toEqual([]);
    const held = ['list', 'watch'].flatMap((verb) => [
      `${verb} deployments.apps in namespace "shop"`,
      `${verb} pods in namespace "shop"`,
    ]);
    const forwards = ['get', 'create'].map((verb) => `${verb} pods/portforward in namespace "shop"`);
    expect(new Set(finding.facts?.['held'] as string[])).toEqual(new Set([...held, ...forwards]));
    expect(finding.facts?.['held']).toHaveLength(6);
  });

  test('a role for them has their kinds', async () => {
    const { kubeconfig } = await serverThatKnows((right) => !right.includes('statefulsets'));
    const finding = await rights.run(contextOf(kubeconfig, pick('StatefulSet', 'db')), signal);
    expect(finding).toMatchObject({
      status: 'failed',
      code: 'FORBIDDEN',
      message: expect.stringMatching(/may not list statefulsets\.apps in namespace "shop"$/),
      notes: expect.arrayContaining([
        '- {apiGroups: [apps], resources: [statefulsets], verbs: [list, watch]}',
      ]),
    });
  });

  test('a right to one object by its name is enough', async () => {
    const { kubeconfig } = await serverThatKnows(
      (right) => !/ services /.test(right) || right.endsWith(' web'),
    );
    expect(await rights.run(contextOf(kubeconfig, pick('Service', 'web')), signal)).toMatchObject({
      status: 'ok',
    });
    expect(await rights.run(contextOf(kubeconfig, pick('Service', 'db')), signal)).toMatchObject({
      status: 'failed',
    });
  });
});

async function embedded(denied: readonly string[] = []): Promise<EmbeddedCluster> {
  const cluster = await startEmbeddedCluster({ faults: { denied: new Set(denied) } });
  onTestFinished(() => cluster.close());
  return cluster;
}

describe('a server that may not be asked', () => {
  const ofForwarder = { contexts: ['forwarder'] };

  test('a pick is tried out', async () => {
    const cluster = await embedded(['list deployments']);
    const of = (kind: 'Service' | 'Deployment') =>
      rights.run(contextOf(cluster.kubeconfig, { ...ofForwarder, picks: [{ kind, name: 'web' }] }), signal);
    expect(await of('Service')).toMatchObject({ status: 'ok' });
    expect(await of('Deployment')).toMatchObject({
      status: 'failed',
      message: expect.stringMatching(/may not list deployments\.apps in namespace "e2e"/),
    });
  });

  test.each<[string[], 'ok' | 'warning' | 'failed', RegExp]>([
    [[], 'ok', /tried out/],
    [['watch services'], 'warning', /may not watch services in namespace "e2e" \(they are listed every 10 s/],
    [['list endpointslices'], 'warning', /list endpointslices\.discovery\.k8s\.io.*taken from endpoints/],
    [['list endpointslices', 'list endpoints'], 'warning', /taken from pods/],
    [
      ['list endpointslices', 'list endpoints', 'list pods'],
      'failed',
      /may not list endpointslices\.discovery\.k8s\.io in namespace "e2e"$/,
    ],
  ])('without %j', async (denied, status, message) => {
    const cluster = await embedded(denied);
    const finding = await rights.run(contextOf(cluster.kubeconfig, ofForwarder), signal);
    expect(finding).toMatchObject({
      status,
      message: expect.stringMatching(message),
      facts: { by: 'tried' },
    });
  });

  test.each<['get' | 'create', RegExp]>([
    ['get', /may not create pods\/portforward.*WebSockets alone/],
    ['create', /may not get pods\/portforward.*SPDY upgrades alone/],
  ])('with %s alone on pods/portforward', async (verb, message) => {
    const cluster = await embedded();
    cluster.restrictForwarder([verb]);
    const context = contextOf(cluster.kubeconfig, ofForwarder);
    expect(await rights.run(context, signal)).toMatchObject({
      status: 'warning',
      message: expect.stringMatching(message),
    });
    expect((await transports.run(context, signal)).facts?.['works']).toEqual(
      verb === 'get' ? ['spdy-websocket', 'websocket'] : ['spdy'],
    );
  });

  test('with none on pods/portforward', async () => {
    const cluster = await embedded();
    cluster.restrictForwarder([]);
    const context = contextOf(cluster.kubeconfig, ofForwarder);
    expect(await rights.run(context, signal)).toMatchObject({
      status: 'failed',
      message: expect.stringMatching(/get pods\/portforward.*create pods\/portforward/),
    });
    expect(await transports.run(context, signal)).toMatchObject({ status: 'failed', code: 'FORBIDDEN' });
  });
});

async function tried(
  options: Parameters<typeof startEmbeddedCluster>[0],
  prepare: (cluster: EmbeddedCluster) => unknown = () => {},
) {
  const cluster = await startEmbeddedCluster(options);
  onTestFinished(() => cluster.close());
  await prepare(cluster);
  return transports.run(contextOf(cluster.kubeconfig), signal);
}

describe('transports', () => {
  test('those that a cluster does not speak are named, with what it says', async () => {
    const finding = await tried({ transports: { tunnel: false } });
    expect(finding).toMatchObject({ status: 'ok', message: expect.stringMatching(/^a run uses spdy;/) });
    expect(finding.notes).toEqual([expect.stringMatching(/^not by spdy-websocket: /)]);
  });

  test('none works', async () => {
    const refuseUpgrade = { spdy: 503, channel: 503, tunnel: 503 };
    expect(await tried({ faults: { refuseUpgrade } })).toMatchObject({
      status: 'failed',
      code: 'FORWARD_REFUSED',
    });
  });

  test('no pod is there to try them on', async () => {
    const finding = await tried({}, (cluster) => {
      for (const pod of cluster.podNames('demo')) cluster.setReady('demo', pod, false);
    });
    expect(finding).toMatchObject({ status: 'skipped', message: expect.stringContaining('ready pod') });
  });
});
