/**
 * An API server with as many Services as it is told, each with a slice of two
 * endpoints: a process of its own, forked, which says when a list has gone out.
 *
 *     argv                           how many that will be at one time or another
 *     parent ── { services: n } ──▶  so many from now on; those who watch hear that what they know is too old
 *     parent ◀── { port }            it listens
 *     parent ◀── { at, path, bytes } a list was handed to the kernel, by the wall clock
 *
 * Objects have the size that they have in a cluster, with the fields that a
 * server adds (managedFields above all). Lists are serialised beforehand, as
 * JSON and as Protocol Buffers, whole and in pages.
 */

import { createServer } from 'node:http';
import { join } from 'node:path';
import { build } from 'esbuild';

/** The embedded cluster's own, which is TypeScript. */
const { PROTOBUF, protobufOf } = await bundled('../../../fixtures/cluster/api/protobuf.ts');

const JSON_TYPE = 'application/json';
const NOTHING = Buffer.from(
  '{"kind":"List","apiVersion":"v1","metadata":{"resourceVersion":"1"},"items":[]}',
);
const NAMESPACE = 'default';
/** What clients ask for that do not want all at once. */
const PAGE_ITEMS = 100;
/** By how many there are, the resource, the page and its form. */
const bodies = new Map();
let count = 0;
const watches = new Set();

function metadata(index, suffix, extra) {
  const name = `svc-${index}${suffix}`;
  const managed = {
    apiVersion: 'v1',
    fieldsType: 'FieldsV1',
    manager: 'kubectl-client-side-apply',
    operation: 'Update',
  };
  const fields = {
    'f:metadata': { 'f:labels': { '.': {}, 'f:app': {} } },
    'f:spec': { 'f:ports': { '.': {} } },
  };
  return {
    name,
    namespace: NAMESPACE,
    uid: `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`,
    resourceVersion: '1',
    creationTimestamp: '2026-01-01T00:00:00Z',
    labels: {
      app: `svc-${index}`,
      'app.kubernetes.io/name': `svc-${index}`,
      'app.kubernetes.io/part-of': 'bench',
    },
    annotations: {
      'example.com/owner': 'a team that has a name of some length',
      'example.com/revision': '17',
    },
    managedFields: [{ ...managed, time: '2026-01-01T00:00:00Z', fieldsV1: fields }],
    ...extra,
  };
}

function service(index) {
  const ip = `10.96.${index >> 8}.${index & 255}`;
  return {
    metadata: metadata(index, ''),
    spec: {
      clusterIP: ip,
      clusterIPs: [ip],
      internalTrafficPolicy: 'Cluster',
      ipFamilies: ['IPv4'],
      ipFamilyPolicy: 'SingleStack',
      ports: [
        { name: 'http', port: 80, protocol: 'TCP', targetPort: 8080 },
        { name: 'metrics', port: 9090, protocol: 'TCP', targetPort: 'metrics' },
      ],
      selector: { app: `svc-${index}` },
      sessionAffinity: 'None',
      type: 'ClusterIP',
    },
    status: { loadBalancer: {} },
  };
}

function slice(index) {
  const labels = { 'kubernetes.io/service-name': `svc-${index}`, app: `svc-${index}` };
  const ownerReferences = [{ apiVersion: 'v1', kind: 'Service', name: `svc-${index}`, controller: true }];
  return {
    metadata: metadata(index, '-abcde', { labels, ownerReferences }),
    addressType: 'IPv4',
    endpoints: [0, 1].map((i) => ({
      addresses: [`10.${128 + i}.${index >> 8}.${index & 255}`],
      conditions: { ready: true, serving: true, terminating: false },
      nodeName: `node-${index % 50}`,
      targetRef: {
        kind: 'Pod',
        name: `svc-${index}-7d9f8b6c5-${i}abcd`,
        namespace: NAMESPACE,
        uid: `${index}-${i}`,
      },
      zone: 'zone-a',
    })),
    ports: [
      { name: 'http', port: 8080, protocol: 'TCP' },
      { name: 'metrics', port: 9090, protocol: 'TCP' },
    ],
  };
}

async function bundled(path) {
  const entryPoints = [join(import.meta.dirname, path)];
  const { outputFiles } = await build({
    entryPoints,
    bundle: true,
    format: 'esm',
    platform: 'node',
    write: false,
  });
  return import(`data:text/javascript,${encodeURIComponent(outputFiles[0].text)}`);
}

/** Nothing is made while a figure is taken. */
function prepare(total) {
  const indices = Array.from({ length: total }, (_, i) => i);
  const lists = {
    services: { kind: 'ServiceList', apiVersion: 'v1', items: indices.map(service) },
    endpointslices: {
      kind: 'EndpointSliceList',
      apiVersion: 'discovery.k8s.io/v1',
      items: indices.map(slice),
    },
  };
  for (const [resource, { items, ...list }] of Object.entries(lists)) {
    for (const limit of [total, PAGE_ITEMS]) {
      for (let start = 0; start < total; start += limit) {
        const next = start + limit < total ? { continue: String(start + limit) } : {};
        const metadata = { resourceVersion: String(total), ...next };
        const page = { ...list, metadata, items: items.slice(start, start + limit) };
        const key = [total, resource, start, limit].join();
        bodies.set(`${key},${PROTOBUF}`, protobufOf(page));
        bodies.set(`${key},${JSON_TYPE}`, Buffer.from(JSON.stringify(page)));
      }
    }
  }
}

const server = createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url, 'http://localhost');
  if (searchParams.get('watch')) {
    response.setHeader('content-type', JSON_TYPE);
    response.flushHeaders();
    watches.add(response);
    response.once('close', () => watches.delete(response));
    return;
  }
  const [start, limit] = [Number(searchParams.get('continue')), Number(searchParams.get('limit')) || count];
  const type = request.headers.accept?.includes(PROTOBUF) ? PROTOBUF : JSON_TYPE;
  const body = bodies.get([count, pathname.split('/').at(-1), start, limit, type].join());
  response.setHeader('content-type', body === undefined ? JSON_TYPE : type);
  response.setHeader('content-length', (body ?? NOTHING).length);
  response.end(body ?? NOTHING, () => {
    if (body === undefined) return;
    process.send({ at: performance.timeOrigin + performance.now(), path: pathname, bytes: body.length });
  });
});

process.on('message', ({ services }) => {
  count = services;
  const gone = { kind: 'Status', code: 410, reason: 'Expired', message: 'too old resource version' };
  for (const watch of watches) watch.end(`${JSON.stringify({ type: 'ERROR', object: gone })}\n`);
});
process.once('disconnect', () => process.exit());
for (const total of process.argv.slice(2)) prepare(Number(total));
server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }));
