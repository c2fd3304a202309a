import { describe, expect, test } from 'vitest';
import type { Cluster, ServiceRecord } from '../../../src/cluster/index.ts';
import { AddressPlan } from '../../../src/names/address-plan.ts';
import { Directory } from '../../../src/session/directory.ts';

function service(name: string, more: Partial<ServiceRecord> = {}): ServiceRecord {
  return {
    kind: 'Service',
    namespace: 'a',
    name,
    type: 'ClusterIP',
    clusterIPs: ['10.96.0.1'],
    headless: false,
    selectorless: false,
    publishNotReadyAddresses: false,
    ports: [{ port: 80, protocol: 'TCP', targetPort: 8080 }],
    ...more,
  };
}

/** The part of a cluster that the directory looks at. */
function directory(services: ServiceRecord[], pods: Record<string, string[]> = {}, cidr = '10.0.1.0/24') {
  const cluster: Pick<Cluster, 'services' | 'podsOf'> = {
    services,
    podsOf: ({ name, namespace }) =>
      (pods[name] ?? []).map((label) => ({ namespace, name: label, label, addresses: [] })),
  };
  return new Directory(new AddressPlan(cidr), 'cluster', cluster);
}

const only = (addresses: readonly string[] | undefined): string => {
  expect(addresses).toHaveLength(1);
  return addresses?.[0] ?? '';
};

describe('where an address leads', () => {
  test('a Service has one address, under each of its names', () => {
    const web = service('web');
    const { names, route } = bound(directory([web, service('other')]));
    const address = only(names.lookup('web'));
    expect(names.lookup('web.a.svc.cluster.local')).toEqual([address]);
    expect(route(address)).toEqual({ kind: 'service', service: web });
  });

  test('the gateway, an address nobody has, and one outside the range are told apart', () => {
    const { route } = bound(directory([]));
    expect(['10.0.1.1', '10.0.1.77', '192.0.2.1'].map((address) => route(address).kind)).toEqual([
      'gateway',
      'unassigned',
      'outside',
    ]);
  });

  test('a headless Service has an address for each pod with a name, and all of them under its own', () => {
    const db = service('db', { headless: true });
    const { names, route } = bound(directory([db], { db: ['db-0', 'db-1'] }));
    const first = only(names.lookup('db-0.db'));
    const second = only(names.lookup('db-1.db.a.svc.cluster.local'));
    expect(names.lookup('db')).toEqual([first, second]);
    expect(route(second)).toEqual({ kind: 'service', service: db, podHostname: 'db-1' });
  });

  test('a headless Service without such pods has an address all the same, to be refused at', () => {
    const db = service('db', { headless: true });
    const { names, route } = bound(directory([db]));
    expect(route(only(names.lookup('db')))).toEqual({ kind: 'service', service: db });
  });

  test('an ExternalName Service has none', () => {
    const { names } = bound(
      directory([service('ext', { type: 'ExternalName', externalName: 'example.com' })]),
    );
    expect(names.lookup('ext')).toBeUndefined();
  });
});

describe('names that two could have', () => {
  test('the bare name belongs to the namespace that comes first', () => {
    const [first, second] = [service('web'), service('web', { namespace: 'b' })];
    const { names, route } = bound(directory([first, second]));
    expect(route(only(names.lookup('web')))).toEqual({ kind: 'service', service: first });
    expect(route(only(names.lookup('web.b')))).toEqual({ kind: 'service', service: second });
  });

  test('a Service goes before a pod of another one', () => {
    const services = [service('b', { headless: true }), service('db', { namespace: 'b' })];
    const { names, route } = bound(directory(services, { b: ['db'] }));
    expect(route(only(names.lookup('db.b')))).toEqual({ kind: 'service', service: services[1] });
    expect(route(only(names.lookup('db.b.a')))).toMatchObject({ service: services[0], podHostname: 'db' });
  });
});

test('more Services than addresses is an error that names a range', () => {
  const many = Array.from({ length: 20 }, (_, i) => service(`web-${i}`));
  expect(() => directory(many, {}, '10.0.1.0/28')).toThrowError(
    expect.objectContaining({ code: 'CIDR_FULL' }),
  );
});

function bound(each: Directory) {
  return { names: each.names, route: (address: string) => each.route(address) };
}
