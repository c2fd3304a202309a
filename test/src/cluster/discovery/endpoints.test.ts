/** From the API's endpoints to pods and ports. */
import { expect, test } from 'vitest';
import { EndpointTable, type Wanted } from '../../../../src/cluster/discovery/endpoint-table.ts';
import {
  type ApiEndpoints,
  type ApiEndpointSlice,
  decodeEndpoints,
  decodeEndpointSlice,
} from '../../../../src/cluster/discovery/endpoints.ts';
import { type ApiService, decodeService } from '../../../../src/cluster/discovery/services.ts';

const port = { port: 80, protocol: 'TCP', targetPort: 'http', name: 'http' } as const;

function slice(endpoints: unknown, ports: unknown = [{ name: 'http', port: 8080, protocol: 'TCP' }]): object {
  return {
    metadata: { namespace: 'n', name: 'web-1', labels: { 'kubernetes.io/service-name': 'web' } },
    endpoints,
    ports,
  };
}

function pod(name: string, conditions: object = { ready: true }): object {
  return { conditions, targetRef: { kind: 'Pod', name, namespace: 'n' } };
}

function stateful(name: string, uid: string, conditions: object): object {
  return { conditions, hostname: name, targetRef: { kind: 'Pod', name, namespace: 'n', uid } };
}

function slices(...items: object[]): EndpointTable {
  const table = new EndpointTable();
  for (const [i, item] of items.entries())
    table.update(`slice ${i}`, undefined, decodeEndpointSlice(item as ApiEndpointSlice));
  return table;
}

const all = (servicePort: Wanted['servicePort'], rawPort: number): Wanted => ({ servicePort, rawPort });
const one = (label: string): Wanted => ({ servicePort: port, rawPort: 80, label });

test('ready pods with the port that the name leads to', () => {
  const table = slices(slice([pod('a'), pod('b', { ready: false }), pod('c', {})]));
  expect(table.targets('n/web', all(port, 80))).toEqual([
    { pod: { namespace: 'n', name: 'a', label: 'a', addresses: [] }, port: 8080 },
    { pod: { namespace: 'n', name: 'c', label: 'c', addresses: [] }, port: 8080 },
  ]);
});

test('terminating pods that still serve, where no other is ready, as kube-proxy has it', () => {
  const leaving = (name: string, serving: boolean): object =>
    pod(name, { ready: false, serving, terminating: true });
  const unready = pod('starting', { ready: false, serving: true, terminating: false });
  const last = slices(slice([leaving('a', true), leaving('b', false), unready]));
  expect(last.targets('n/web', all(port, 80)).map(({ pod }) => pod.name)).toEqual(['a']);
  expect(last.pods('n/web')).toEqual([]);
  const rollout = slices(slice([leaving('a', true)]), slice([pod('c')]));
  expect(rollout.targets('n/web', all(port, 80)).map(({ pod }) => pod.name)).toEqual(['c']);
});

test('a pod and its successor of the same name are two; the host name picks one of several', () => {
  const table = slices(
    slice([
      stateful('db-0', 'old', { ready: false, serving: true, terminating: true }),
      stateful('db-1', 'x', { ready: true }),
    ]),
  );
  expect(table.targets('n/web', all(port, 80)).map(({ pod }) => pod.name)).toEqual(['db-1']);
  expect(table.targets('n/web', one('db-0'))).toMatchObject([{ pod: { uid: 'old' } }]);
  const later = slices(
    slice([
      stateful('db-0', 'old', { ready: false, serving: true, terminating: true }),
      stateful('db-0', 'new', { ready: true }),
    ]),
  );
  expect(later.targets('n/web', one('db-0'))).toMatchObject([{ pod: { uid: 'new' } }]);
});

test('a named port may differ from pod to pod', () => {
  const table = slices(slice([pod('a')]), slice([pod('b')], [{ name: 'http', port: 9090, protocol: 'TCP' }]));
  expect(table.targets('n/web', all(port, 80)).map(({ port }) => port)).toEqual([8080, 9090]);
});

test('a dual-stack Service has each pod once, and so has one whose slices overlap for a moment', () => {
  const ipv6 = { ...slice([pod('a')]), addressType: 'IPv6' };
  expect(slices(slice([pod('a')]), ipv6).targets('n/web', all(port, 80))).toHaveLength(1);
  const overlap = slices(slice([pod('a'), pod('a', { ready: false })]), slice([pod('a')]));
  expect(overlap.targets('n/web', all(port, 80))).toHaveLength(1);
});

test('TCP and UDP under one number and different names: the TCP port is meant', () => {
  const dns = { port: 53, protocol: 'TCP', targetPort: 5353, name: 'dns-tcp' } as const;
  const ports = [
    { name: 'dns', port: 5300, protocol: 'UDP' },
    { name: 'dns-tcp', port: 5353, protocol: 'TCP' },
  ];
  expect(slices(slice([pod('a')], ports)).targets('n/web', all(dns, 53))).toMatchObject([{ port: 5353 }]);
});

test('UDP of the same name is no target; a raw port goes to every pod', () => {
  const table = slices(slice([pod('a')], [{ name: 'http', port: 53, protocol: 'UDP' }]));
  expect(table.targets('n/web', all(port, 80))).toEqual([]);
  expect(table.targets('n/web', all(undefined, 7006))).toMatchObject([{ port: 7006 }]);
});

test('empty slices come as null, and slices of no Service are left out', () => {
  const table = slices(slice(null, null), {
    metadata: { namespace: 'n', name: 'x' },
    endpoints: [pod('x')],
    ports: [],
  });
  expect(table.targets('n/web', all(port, 80))).toEqual([]);
  expect(table.pods('n/web')).toEqual([]);
});

test('endpoints that are no pods are known as such', () => {
  const addresses = ['192.0.2.1'];
  const byHand = slices(slice([{ addresses, conditions: { ready: true } }]));
  expect(byHand.targets('n/web', all(port, 80))).toEqual([]);
  expect(byHand.withoutPods('n/web', port)).toEqual(['192.0.2.1:8080']);
  expect(byHand.withoutPods('n/web', { ...port, name: 'other' })).toEqual(addresses);
  expect(byHand.withoutPods('n/web')).toEqual(addresses);
  expect(slices(slice([{ addresses }, pod('a')])).withoutPods('n/web')).toEqual([]);
});

test('core Endpoints say the same', () => {
  const targetRef = { kind: 'Pod', name: 'db-0', namespace: 'n' };
  const subset = {
    addresses: [{ ip: '10.0.0.1', hostname: 'db-0', targetRef }],
    notReadyAddresses: [{ ip: '10.0.0.2', targetRef: { ...targetRef, name: 'db-1' } }],
    ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
  };
  const table = new EndpointTable();
  const objects: ApiEndpoints[] = [
    { metadata: { namespace: 'n', name: 'web' }, subsets: [subset] },
    { metadata: { namespace: 'n', name: 'empty' } },
  ];
  for (const object of objects) table.update(object.metadata.name, undefined, decodeEndpoints(object));
  expect(table.targets('n/web', all(port, 80))).toEqual([
    { pod: { namespace: 'n', name: 'db-0', label: 'db-0', addresses: ['10.0.0.1'] }, port: 8080 },
  ]);
});

const plain = {
  kind: 'Service',
  namespace: 'n',
  type: 'ClusterIP',
  clusterIPs: [],
  headless: false,
  ports: [],
  publishNotReadyAddresses: false,
};

test('Services as plain data', () => {
  const items: ApiService[] = [
    {
      metadata: { namespace: 'n', name: 'web' },
      spec: { type: 'NodePort', clusterIP: '10.96.0.1', selector: { a: 'b' }, ports: [{ port: 80 }] },
    },
    { metadata: { namespace: 'n', name: 'db' }, spec: { clusterIP: 'None', ports: null } },
    {
      metadata: { namespace: 'n', name: 'out' },
      spec: { type: 'ExternalName', externalName: 'example.test' },
    },
  ];
  expect(items.map(decodeService)).toEqual([
    {
      ...plain,
      name: 'web',
      type: 'NodePort',
      clusterIPs: ['10.96.0.1'],
      ports: [{ port: 80, protocol: 'TCP', targetPort: 80 }],
      selector: { a: 'b' },
    },
    { ...plain, name: 'db', headless: true },
    { ...plain, name: 'out', type: 'ExternalName', externalName: 'example.test' },
  ]);
});

test('both address families, and the affinity that a Service asks for', () => {
  const spec = { clusterIP: '10.96.0.1', clusterIPs: ['10.96.0.1', 'fd00::1'], sessionAffinity: 'ClientIP' };
  const timeout = { sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } } };
  const items = [
    { metadata: { namespace: 'n', name: 'web' }, spec },
    { metadata: { namespace: 'n', name: 'web' }, spec: { ...spec, ...timeout } },
  ];
  expect(items.map(decodeService)).toMatchObject([
    { clusterIPs: ['10.96.0.1', 'fd00::1'], sessionAffinity: { timeoutSeconds: 10_800 } },
    { sessionAffinity: { timeoutSeconds: 60 } },
  ]);
});

test('what a later Kubernetes may add: another type has addresses, a port of another protocol is left out', () => {
  const ports = [
    { port: 80, protocol: 'QUIC' },
    { port: 81, protocol: 'UDP', targetPort: 'dns' },
  ];
  expect(
    decodeService({
      metadata: { namespace: 'n', name: 'web', labels: null, creationTimestamp: null },
      spec: { type: 'Mesh', clusterIP: '10.96.0.1', selector: null, ports },
    }),
  ).toEqual({
    ...plain,
    name: 'web',
    clusterIPs: ['10.96.0.1'],
    ports: [{ port: 81, protocol: 'UDP', targetPort: 'dns' }],
  });
});
