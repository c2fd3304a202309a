/**
 * An API server with as many Services as it is told, each with a slice of two
 * endpoints: a process of its own, forked, which says when a list has gone out.
 *
 *     parent ── { services: n } ──▶  so many from now on; those who watch hear that what they know is too old
 *     parent ◀── { port }            it listens
 *     parent ◀── { at, path, bytes } a list was handed to the kernel, by the wall clock
 *
 * Objects have the size that they have in a cluster, with the fields that a
 * server adds (managedFields above all). All is serialised beforehand.
 */

import { createServer } from 'node:http';

const NAMESPACE = 'default';
let version = 1;
let lists = new Map();
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
    resourceVersion: String(version),
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

function fill(count) {
  version++;
  const indices = Array.from({ length: count }, (_, i) => i);
  const texts = (make) => indices.map((i) => JSON.stringify(make(i)));
  lists = new Map([
    ['services', texts(service)],
    ['endpointslices', texts(slice)],
  ]);
}

/** One page, where the client asks for pages. */
function listBody(items, parameters) {
  const start = Number(parameters.get('continue') ?? 0);
  const end = Math.min(items.length, start + Number(parameters.get('limit') ?? items.length));
  const next = end < items.length ? `,"continue":"${end}"` : '';
  const head = `{"kind":"List","apiVersion":"v1","metadata":{"resourceVersion":"${version}"${next}},"items":[`;
  return Buffer.from(`${head}${items.slice(start, end).join(',')}]}`);
}

const server = createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url, 'http://localhost');
  response.setHeader('content-type', 'application/json');
  if (searchParams.get('watch')) {
    response.flushHeaders();
    watches.add(response);
    response.once('close', () => watches.delete(response));
    return;
  }
  const body = listBody(lists.get(pathname.split('/').at(-1)) ?? [], searchParams);
  response.setHeader('content-length', body.length);
  response.end(body, () =>
    process.send({ at: performance.timeOrigin + performance.now(), path: pathname, bytes: body.length }),
  );
});

process.on('message', ({ services }) => {
  fill(services);
  const gone = { kind: 'Status', code: 410, reason: 'Expired', message: 'too old resource version' };
  for (const watch of watches) watch.end(`${JSON.stringify({ type: 'ERROR', object: gone })}\n`);
});
process.once('disconnect', () => process.exit());
fill(0);
server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }));
