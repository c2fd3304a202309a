import { describe, expect, test } from 'vitest';
import { AddressPlan } from '../../../../src/names/address-plan.ts';
import { Directory, type DirectoryContext } from '../../../../src/session/routing/directory.ts';
import { context, FakeCluster, headless, service } from './fake-cluster.ts';

/** A directory over contexts, with what it logs and how often it says that names have changed. */
function over(contexts: readonly DirectoryContext[], cidr = '10.0.1.0/24', isRunning = false) {
  const lines: string[] = [];
  const log = (line: string) => void lines.push(line);
  const directory = new Directory({
    plan: new AddressPlan(cidr, 'fd6b:6e73::/64'),
    contexts,
    domain: 'cluster.local',
    log: { warn: log, info: log, debug: log },
    isRunning,
  });
  const told = { count: 0 };
  directory.onNamesChanged = () => void told.count++;
  return {
    directory,
    lines,
    told,
    lookup: (name: string) => directory.names.lookup(name)?.addresses,
    route: (address: string | undefined) => directory.route(address ?? ''),
    kinds: (...addresses: string[]) => addresses.map((address) => directory.route(address).kind),
  };
}

const of = (cluster: FakeCluster, cidr?: string) => over([context(cluster)], cidr);

describe('where an address leads', () => {
  test('a Service has one address of each family, under each of its names', () => {
    const web = service('web');
    const { lookup, route } = of(new FakeCluster([web, service('other')]));
    const addresses = lookup('web');
    expect(addresses).toEqual([
      expect.stringMatching(/^10\.0\.1\.\d+$/),
      expect.stringMatching(/^fd6b:6e73::[0-9a-f]+$/),
    ]);
    expect(lookup('web.a.svc.cluster.local')).toEqual(addresses);
    for (const address of addresses ?? [])
      expect(route(address)).toMatchObject({ kind: 'service', service: web });
  });

  test('the gateway, an address nobody has, and one outside the ranges are told apart, in both families', () => {
    const { kinds } = of(new FakeCluster());
    expect(kinds('10.0.1.1', '10.0.1.77', '192.0.2.1')).toEqual(['gateway', 'unassigned', 'outside']);
    expect(kinds('fd6b:6e73::1', 'fd6b:6e73::77', '2001:db8::1')).toEqual([
      'gateway',
      'unassigned',
      'outside',
    ]);
  });

  test('a ClusterIP and the address of a pod lead as in the cluster, and no others', () => {
    const web = service('web', { clusterIPs: ['10.96.0.7', 'fd00:10:96::7'] });
    const cluster = new FakeCluster([web]);
    cluster.setPods(web, 'web-x2l9k');
    const { route, kinds, directory } = of(cluster);
    for (const address of web.clusterIPs)
      expect(route(address)).toMatchObject({ kind: 'service', service: web });
    expect(route('10.244.0.1')).toMatchObject({ kind: 'service', service: web, podLabel: 'web-x2l9k' });
    expect(kinds('10.96.0.8', '10.244.0.2')).toEqual(['outside', 'outside']);
    expect(directory.nameOf('10.96.0.7')).toBe('web.a.svc.cluster.local');
    expect(directory.nameOf('10.244.0.1')).toBe('10-244-0-1.web.a.svc.cluster.local');
  });

  test('names may spell the address of a pod, below its Service and its namespace', () => {
    const web = service('web');
    const cluster = new FakeCluster([web]);
    cluster.setPods(web, 'web-x2l9k');
    const { directory } = of(cluster);
    const spelled = (name: string) => directory.addressSpelledBy(name);
    for (const domain of ['web.a.svc.cluster.local', 'web.a', 'a.pod.cluster.local'])
      expect(spelled(`10-244-0-1.${domain}`)).toBe('10.244.0.1');
    for (const name of [
      '10-244-0-1.other.a',
      '10-244-0-1.b.pod.cluster.local',
      '10-244-0-2.web.a',
      '10-244-0-1',
    ])
      expect(spelled(name)).toBeUndefined();
  });

  test('more Services than addresses is an error that names a range', () => {
    const many = Array.from({ length: 20 }, (_, i) => service(`web-${i}`));
    expect(() => of(new FakeCluster(many), '10.0.1.0/28')).toThrowError(
      expect.objectContaining({ code: 'CIDR_FULL' }),
    );
  });
});

test('an endpoint without room is an error, which is not told besides', () => {
  const full = Array.from({ length: 12 }, (_, i) => service(`web-${i}`));
  const { directory, lines } = of(new FakeCluster(full), '10.0.1.0/28');
  const endpoint = { name: 'api.test', hasPort: () => true, dial: () => never() };
  expect(() => directory.addEndpoint(endpoint, { names: ['api.test'], literals: [] })).toThrowError(
    expect.objectContaining({ code: 'CIDR_FULL' }),
  );
  expect(lines).toEqual([]);
});

test('where a command runs already, what has no room is told once, and is no error', () => {
  const many = Array.from({ length: 20 }, (_, i) => service(`web-${i}`));
  const { directory, lookup, lines } = over([context(new FakeCluster(many))], '10.0.1.0/28', true);
  const endpoint = { name: 'api.test', hasPort: () => true, dial: () => never() };
  directory.addEndpoint(endpoint, { names: ['api.test'], literals: [] });
  expect(lookup('web-0')).toHaveLength(2);
  expect([lookup('web-19'), lookup('api.test')]).toEqual([[], []]);
  expect(lines.filter((line) => line.includes('CIDR_FULL'))).toHaveLength(1);
});

function never(): never {
  throw new Error('nothing is dialled here');
}

describe('kinds of Services', () => {
  test('a headless one has an address for each pod, and all of them under its own name', () => {
    const db = headless('db');
    const cluster = new FakeCluster([db]);
    cluster.setPods(db, 'db-0', 'db-1');
    const { lookup, route, directory } = of(cluster);
    const [first, second] = [lookup('db-0.db'), lookup('db-1.db.a.svc.cluster.local')];
    expect(lookup('db')).toEqual([...(first ?? []), ...(second ?? [])]);
    expect(route(second?.[0])).toMatchObject({ kind: 'service', service: db, podLabel: 'db-1' });
    expect(directory.nameOf(second?.[1] ?? '')).toBe('db-1.db.a.svc.cluster.local');
  });

  test("a pod is found by its address with dashes as well, which /etc/hosts doesn't have", () => {
    const db = headless('db');
    const cluster = new FakeCluster([db]);
    cluster.setPods(db, 'db-x2l9k');
    const { lookup, directory } = of(cluster);
    expect(lookup('10-244-0-1.db.a')).toEqual(lookup('db-x2l9k.db.a'));
    expect(directory.names.lookup('10-244-0-1.db.a')?.inHosts).toBe(false);
  });

  test('a headless one without pods has an address all the same, to be refused at', () => {
    const db = headless('db');
    const { lookup, route } = of(new FakeCluster([db]));
    expect(lookup('db')).toHaveLength(2);
    expect(route(lookup('db')?.[0])).toMatchObject({ kind: 'service', service: db });
  });

  test('an ExternalName is a name for another, without an address', () => {
    const { directory } = of(
      new FakeCluster([
        service('ext', { type: 'ExternalName', externalName: 'example.com', clusterIPs: [] }),
      ]),
    );
    expect(directory.names.lookup('ext.a')).toMatchObject({ alias: 'example.com', addresses: [] });
  });
});

describe('names that two could have', () => {
  test('the bare name belongs to the namespace that comes first', () => {
    const [first, second] = [service('web'), service('web', { namespace: 'b' })];
    const { lookup, route } = of(new FakeCluster([second, first]));
    expect(route(lookup('web')?.[0])).toMatchObject({ service: first });
    expect(route(lookup('web.b')?.[0])).toMatchObject({ service: second });
  });

  test('a Service goes before a pod of another one', () => {
    const services = [headless('b'), service('db', { namespace: 'b' })];
    const cluster = new FakeCluster(services);
    cluster.setPods(services[0], 'db');
    const { lookup, route } = of(cluster);
    expect(route(lookup('db.b')?.[0])).toMatchObject({ service: services[1] });
    expect(route(lookup('db.b.a')?.[0])).toMatchObject({ service: services[0], podLabel: 'db' });
  });

  test('a context goes before later ones, and each has names of its own', () => {
    const [web, other] = [service('web', { namespace: 'b' }), service('web')];
    const contexts = [
      context(new FakeCluster([web]), { key: 'one', label: 'dev' }),
      context(new FakeCluster([other, service('late')]), { key: 'two', label: 'prod' }),
    ];
    const { lookup, route, directory } = over(contexts);
    expect(route(lookup('web')?.[0])).toMatchObject({ service: web });
    expect(route(lookup('web.a.prod')?.[0])).toMatchObject({ service: other });
    expect(lookup('web.a')).toEqual(lookup('web.a.svc.cluster.local.prod'));
    expect(lookup('late')).toEqual(lookup('late.a.prod'));
    expect(lookup('web.a.dev')).toBeUndefined();
    expect(directory.nameOf(lookup('web.b')?.[0] ?? '')).toBe('web.b.svc.cluster.local.dev');
    expect(directory.zones).toContain('cluster.local.prod');
  });
});

describe('while it runs', () => {
  test('a Service that comes has names and addresses, and is told of', () => {
    const cluster = new FakeCluster([service('web')]);
    const { lookup, route, lines, told } = of(cluster);
    const late = service('late');
    cluster.put(late);
    expect(route(lookup('late')?.[0])).toMatchObject({ service: late });
    expect(lines).toEqual(['late.a has come']);
    expect(told.count).toBe(1);
  });

  test('one that goes leaves its bare name to the next, and its addresses to nobody', () => {
    const [first, second] = [service('web'), service('web', { namespace: 'b' })];
    const cluster = new FakeCluster([first, second]);
    const { lookup, route, kinds, lines } = of(cluster);
    const addresses = lookup('web') ?? [];
    cluster.remove(first);
    expect(route(lookup('web')?.[0])).toMatchObject({ service: second });
    expect(lookup('web.a')).toBeUndefined();
    expect(kinds(...addresses)).toEqual(['gone', 'gone']);
    expect(lines).toEqual(['web.a has gone']);
  });

  test('one that comes back has the addresses that it had, and nobody else has had them', () => {
    const web = service('web');
    const cluster = new FakeCluster([web]);
    const { lookup, route } = of(cluster, '10.0.1.0/28');
    const before = lookup('web');
    cluster.remove(web);
    for (let i = 0; i < 8; i++) cluster.put(service(`other-${i}`));
    for (let i = 0; i < 8; i++) expect(lookup(`other-${i}`)).not.toEqual(before);
    cluster.put(web);
    expect(lookup('web')).toEqual(before);
    expect(route(before?.[1])).toMatchObject({ service: web });
  });

  test('a change of ports reaches routes and SRV', () => {
    const cluster = new FakeCluster([service('web')]);
    const { lookup, route, directory, lines } = of(cluster);
    const changed = service('web', {
      ports: [{ name: 'https', port: 443, protocol: 'TCP', targetPort: 8443 }],
    });
    cluster.put(changed);
    expect(route(lookup('web')?.[0])).toMatchObject({ service: changed });
    expect(directory.names.lookup('web')?.ports).toEqual(changed.ports);
    expect(lines).toEqual([]);
  });

  test('a pod that goes loses its name, refuses at its address, and comes back to the same one', () => {
    const db = headless('db');
    const cluster = new FakeCluster([db]);
    cluster.setPods(db, 'db-0', 'db-1');
    const { lookup, kinds, route } = of(cluster);
    const [first, second] = [lookup('db-0.db') ?? [], lookup('db-1.db') ?? []];
    cluster.setPods(db, 'db-1');
    expect(lookup('db')).toEqual(second);
    expect(lookup('db-0.db')).toBeUndefined();
    expect(kinds(...first)).toEqual(['gone', 'gone']);
    cluster.setPods(db, 'db-0', 'db-1');
    expect(lookup('db-0.db')).toEqual(first);
    expect(route(first[0])).toMatchObject({ podLabel: 'db-0' });
  });

  test('a headless Service scaled to nothing and back leads to its own address meanwhile', () => {
    const db = headless('db');
    const cluster = new FakeCluster([db]);
    cluster.setPods(db, 'db-0');
    const { lookup, route } = of(cluster);
    const pod = lookup('db');
    cluster.setPods(db);
    const own = lookup('db');
    expect(own).not.toEqual(pod);
    expect(route(own?.[0])).toMatchObject({ kind: 'service', service: db });
    cluster.setPods(db, 'db-0');
    expect(lookup('db')).toEqual(pod);
    expect(route(own?.[0])).toMatchObject({ kind: 'service', service: db });
  });

  test('a range that is full is told once, and ends nothing', () => {
    const cluster = new FakeCluster([service('web')]);
    const { lookup, lines } = of(cluster, '10.0.1.0/29');
    for (let i = 0; i < 6; i++) cluster.put(service(`late-${i}`));
    expect(lines.filter((line) => line.includes('CIDR_FULL'))).toHaveLength(1);
    expect(lookup('web')).toHaveLength(2);
    expect(lookup('late-5')).toEqual([]);
  });

  test('only what has changed is published anew', () => {
    const services = Array.from({ length: 200 }, (_, i) => service(`web-${i}`));
    const cluster = new FakeCluster(services);
    const { directory } = of(cluster);
    const before = directory.names.lookup('web-7');
    cluster.put(service('web-8'));
    expect(directory.names.lookup('web-7')).toBe(before);
  });
});

describe('names of the user', () => {
  test("an alias has its Service's addresses, also where that comes later, and goes before all", () => {
    const web = service('web');
    const cluster = new FakeCluster([web, service('shop')]);
    const only = context(cluster);
    const { directory, lookup } = over([only]);
    directory.addAlias('api.example.com', { context: only, namespace: 'a', name: 'late' });
    directory.addAlias('shop', { context: only, namespace: 'a', name: 'web' });
    expect(lookup('api.example.com')).toBeUndefined();
    cluster.put(service('late'));
    expect(lookup('API.example.com')).toEqual(lookup('late'));
    expect(lookup('shop')).toEqual(lookup('web'));
    cluster.remove(web);
    expect(lookup('shop')).toEqual(lookup('shop.a'));
  });

  test('an alias may be that of one pod', () => {
    const db = headless('db');
    const cluster = new FakeCluster([db]);
    cluster.setPods(db, 'db-0', 'db-1');
    const only = context(cluster);
    const { directory, lookup } = over([only]);
    directory.addAlias('primary.example.com', {
      context: only,
      namespace: 'a',
      name: 'db',
      podLabel: 'db-1',
    });
    expect(lookup('primary.example.com')).toEqual(lookup('db-1.db'));
  });

  test('an endpoint has addresses of its own, and those that it is known by', () => {
    const { directory, lookup, route } = of(
      new FakeCluster([service('kubernetes', { namespace: 'default' })]),
    );
    const endpoint = {
      name: 'api.example.com',
      hasPort: (port: number) => port === 443,
      dial: () => never(),
    };
    directory.addEndpoint(endpoint, {
      names: ['api.example.com', 'kubernetes.default.svc'],
      literals: ['192.0.2.7'],
    });
    const addresses = lookup('kubernetes.default.svc') ?? [];
    expect(lookup('api.example.com')).toEqual(addresses);
    for (const address of [...addresses, '192.0.2.7'])
      expect(route(address)).toEqual({ kind: 'endpoint', endpoint });
    expect(directory.nameOf('192.0.2.7')).toBe('api.example.com');
  });
});
