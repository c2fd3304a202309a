/** Following an API server that does what servers do: restarts, forgets, falls silent, refuses. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type EmbeddedCluster, startEmbeddedCluster } from '../../../../fixtures/cluster/index.ts';
import {
  type Cluster,
  type ConnectOptions,
  connectCluster,
  connectUnread,
  loadAccess,
} from '../../../../src/cluster/index.ts';
import { LogLines, once, Probe, service } from '../probe.ts';

const WATCHES_OF_ONE_NAMESPACE = 2;

let embedded: EmbeddedCluster;
let log: LogLines;
let opened: Cluster[];
/** `METHOD path status`, one for each request. */
let requests: string[];

beforeEach(async () => {
  requests = [];
  embedded = await startEmbeddedCluster({ log: (line) => requests.push(line) });
  log = new LogLines();
  opened = [];
});

afterEach(async () => {
  await Promise.all(opened.map((cluster) => cluster.close()));
  await openWatches(0);
  await embedded.close();
});

async function connect(options: Partial<ConnectOptions> = {}, context = 'embedded'): Promise<Cluster> {
  const access = await loadAccess({ kubeconfigText: embedded.kubeconfig, context });
  const cluster = await connectCluster(access, { namespaces: ['e2e'], log, ...options });
  opened.push(cluster);
  return cluster;
}

async function watched(options: Partial<ConnectOptions> = {}): Promise<Cluster> {
  const cluster = await connect(options);
  await openWatches(WATCHES_OF_ONE_NAMESPACE);
  return cluster;
}

function openWatches(count: number): Promise<void> {
  return vi.waitFor(() => expect(embedded.counters.openWatches).toBe(count), {
    timeout: 10_000,
    interval: 5,
  });
}

const fresh = (name: string) => ({
  namespace: 'e2e',
  name,
  spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080 }] },
});

const late = (app: string, targetPort: string) => ({
  ...fresh('late'),
  spec: {
    selector: { app },
    ports: [
      { name: 'http', port: 80, targetPort },
      { name: 'echo', port: 7, targetPort: 7000 },
    ],
  },
});

const lists = (resource: string): number =>
  requests.filter((line) => line.includes(`/${resource}`) && !line.includes('watch=')).length;

const readyPods = (cluster: Cluster, name: string): number => cluster.podsOf(service(cluster, name)).length;

async function dialled(cluster: Cluster, name: string): Promise<string> {
  const probe = new Probe((events) => cluster.dialService(service(cluster, name), 80, events));
  const outcome = await Promise.race([
    probe.established.then(() => 'established'),
    probe.ending.then((ending) => (ending.kind === 'error' ? ending.error.reason : 'end')),
  ]);
  probe.stream.destroy();
  return outcome;
}

describe('what comes and goes', () => {
  test('is told by name, together, and shown', async () => {
    const cluster = await watched();
    const told: string[] = [];
    cluster.onChange = (changed) => told.push(changed.map(({ name }) => name).join());
    embedded.putService(fresh('late'));
    await vi.waitFor(() => expect(told.join()).toContain('late'));
    expect(cluster.find('e2e', 'late')).toMatchObject({ kind: 'Service', ports: [{ port: 80 }] });
    expect(await dialled(cluster, 'late')).toBe('established');
    embedded.removeService('e2e', 'late');
    await once(cluster, () => cluster.find('e2e', 'late') === undefined);
    expect(new Set(told.join().split(','))).toEqual(new Set(['late']));
    expect(lists('services')).toBe(1);
    expect(lists('endpointslices')).toBe(1);
  });

  test('is not missed where it is followed later than it is listed', async () => {
    const access = await loadAccess({ kubeconfigText: embedded.kubeconfig, context: 'embedded' });
    const cluster = await connectUnread(access, { namespaces: ['e2e'], log });
    opened.push(cluster);
    await cluster.read();
    embedded.putService(fresh('late'));
    embedded.removeService('e2e', 'web');
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(embedded.counters.openWatches).toBe(0);
    expect(cluster.find('e2e', 'late')).toBeUndefined();
    cluster.follow();
    await once(
      cluster,
      () => cluster.find('e2e', 'late') !== undefined && cluster.find('e2e', 'web') === undefined,
    );
    expect(lists('services')).toBe(1);
  });

  test('a Service that is gone refuses, what was established goes on', async () => {
    embedded.putService({
      ...fresh('late'),
      spec: { selector: { app: 'web' }, ports: [{ port: 7, targetPort: 7000 }] },
    });
    const cluster = await watched();
    const record = service(cluster, 'late');
    const established = new Probe((events) => cluster.dialService(record, 7, events));
    await established.send('before');
    await established.until(() => established.text === 'before');
    embedded.removeService('e2e', 'late');
    await once(cluster, () => cluster.find('e2e', 'late') === undefined);
    const refused = new Probe((events) => cluster.dialService(record, 7, events));
    expect(await refused.ending).toMatchObject({ error: { reason: 'refused' } });
    await established.send(' after');
    await established.until(() => established.text === 'before after');
  });

  test('scaled to nothing and back: refused at once in between, without a list', async () => {
    const cluster = await watched();
    await embedded.scale('e2e', 'web', 0);
    await once(cluster, () => readyPods(cluster, 'web') === 0);
    expect(await dialled(cluster, 'web')).toBe('refused');
    await embedded.scale('e2e', 'web', 3);
    await once(cluster, () => readyPods(cluster, 'web') === 3);
    expect(await dialled(cluster, 'web')).toBe('established');
    expect(lists('endpointslices')).toBe(1);
  });

  test('a targetPort that no container has a name for: that is said, and not that no pod is ready', async () => {
    const cluster = await watched();
    embedded.putService(late('web', 'htpp'));
    await once(cluster, () => cluster.find('e2e', 'late') !== undefined && readyPods(cluster, 'late') === 2);
    expect(cluster.obstacle(service(cluster, 'late'), 80)).toContain('called "htpp"');
    expect(await dialled(cluster, 'late')).toBe('refused');
    embedded.putService(late('nobody', 'htpp'));
    await once(cluster, () => readyPods(cluster, 'late') === 0);
    expect(cluster.obstacle(service(cluster, 'late'), 80)).toBe('it has no ready pod');
    embedded.putService(late('web', 'http'));
    await once(cluster, () => cluster.obstacle(service(cluster, 'late'), 80) === undefined);
    expect(await dialled(cluster, 'late')).toBe('established');
  });

  test('addresses lead to who has them now', async () => {
    const cluster = await watched();
    const [clusterIP] = service(cluster, 'web').clusterIPs;
    expect(cluster.owner(clusterIP)).toMatchObject({ kind: 'service', service: { name: 'web' } });
    const [pod] = cluster.podsOf(service(cluster, 'db'));
    expect(cluster.owner(pod.addresses[0])).toMatchObject({ service: { name: 'db' }, podLabel: pod.label });
    expect(cluster.owner('192.0.2.1')).toBeUndefined();
    await embedded.removePod('e2e', pod.name);
    await once(cluster, () => cluster.owner(pod.addresses[0]) === undefined);
  });
});

describe('a watch', () => {
  test('that ends is resumed from where it was, without a list', async () => {
    const cluster = await watched();
    embedded.putService(fresh('first'));
    await once(cluster, () => cluster.find('e2e', 'first') !== undefined);
    expect(embedded.dropWatches()).toBe(WATCHES_OF_ONE_NAMESPACE);
    embedded.putService(fresh('second'));
    await once(cluster, () => cluster.find('e2e', 'second') !== undefined);
    await openWatches(WATCHES_OF_ONE_NAMESPACE);
    expect(lists('services')).toBe(1);
  });

  test('whose version is forgotten begins with a list, in pages', async () => {
    const cluster = await watched({ discoveryLimits: { pageItems: 3 } });
    await embedded.stopApi();
    embedded.removeService('e2e', 'pair');
    embedded.putService(fresh('late'));
    embedded.compact();
    await embedded.startApi();
    await once(
      cluster,
      () => cluster.find('e2e', 'late') !== undefined && cluster.find('e2e', 'pair') === undefined,
    );
    expect(cluster.services.map(({ name }) => name)).toEqual([
      'db',
      'empty',
      'external',
      'late',
      'multi',
      'sick',
      'web',
    ]);
    expect(requests.some((line) => line.includes('services?limit=3&continue='))).toBe(true);
  });

  test('that falls silent is noticed', async () => {
    const cluster = await watched({ discoveryLimits: { silenceMs: 200 } });
    embedded.faults.silentWatches = true;
    embedded.putService(fresh('unheard'));
    embedded.faults.silentWatches = false;
    await once(cluster, () => cluster.find('e2e', 'unheard') !== undefined);
  });

  test('is kept by bookmarks alone', async () => {
    embedded.faults.bookmarkIntervalMs = 40;
    await watched({ discoveryLimits: { silenceMs: 1_000 } });
    // More than what comes in one silence.
    await vi.waitFor(() => expect(embedded.counters.bookmarks).toBeGreaterThan(80), 10_000);
    expect(requests.filter((line) => line.includes('watch='))).toHaveLength(WATCHES_OF_ONE_NAMESPACE);
  });

  test('meets a sleep of the machine by asking again at once', async () => {
    const now = vi.spyOn(Date, 'now');
    try {
      const cluster = await watched({ discoveryLimits: { clockMs: 20, clockJumpMs: 60_000 } });
      embedded.faults.silentWatches = true;
      embedded.putService(fresh('meanwhile'));
      embedded.faults.silentWatches = false;
      const asleep = Date.now() + 3_600_000;
      now.mockImplementation(() => asleep);
      await once(cluster, () => cluster.find('e2e', 'meanwhile') !== undefined);
    } finally {
      now.mockRestore();
    }
  });
});

describe('an API server', () => {
  test('that was away is followed again, and it is said once that it was, and once that it is back', async () => {
    const cluster = await watched({ discoveryLimits: { reportMs: 300 } });
    await embedded.stopApi();
    await vi.waitFor(() => expect(log.lines.some((line) => line.startsWith('warn:'))).toBe(true), 10_000);
    embedded.putService(fresh('late'));
    const backAtMs = performance.now();
    await embedded.startApi();
    await once(cluster, () => cluster.find('e2e', 'late') !== undefined);
    expect(performance.now() - backAtMs).toBeLessThan(5_000);
    await openWatches(WATCHES_OF_ONE_NAMESPACE);
    await vi.waitFor(() =>
      expect(log.lines.filter((line) => !line.startsWith('debug:'))).toEqual([
        expect.stringMatching(/^warn: Services and endpoints stay as they were for now: the API server/),
        expect.stringMatching(/^info: Services and endpoints are up to date again/),
      ]),
    );
  });

  test('that is away at the end is not said to be back', async () => {
    const cluster = await watched({ discoveryLimits: { reportMs: 300 } });
    await embedded.stopApi();
    await vi.waitFor(() => expect(log.lines.some((line) => line.startsWith('warn:'))).toBe(true), 10_000);
    await cluster.close();
    expect(log.lines.filter((line) => line.startsWith('info:'))).toEqual([]);
  });

  test('that knows no roles yet when it comes back is not believed', async () => {
    const cluster = await watched({ discoveryLimits: { refusalBackoff: { firstMs: 20, maxMs: 100 } } });
    embedded.faults.denied = new Set(['watch services', 'watch endpointslices', 'list services']);
    embedded.dropWatches();
    await vi.waitFor(() =>
      expect(requests.filter((line) => line.endsWith(' 403')).length).toBeGreaterThan(1),
    );
    embedded.faults.denied = new Set();
    embedded.putService(fresh('late'));
    await once(cluster, () => cluster.find('e2e', 'late') !== undefined);
    expect(log.lines.filter((line) => line.includes('may not watch'))).toEqual([]);
  });

  test('that has had enough of a token is asked again', async () => {
    const cluster = await watched({ discoveryLimits: { refusalBackoff: { firstMs: 20, maxMs: 100 } } });
    embedded.expireTokensAfter(0);
    embedded.dropWatches();
    await vi.waitFor(() =>
      expect(requests.filter((line) => line.endsWith(' 401')).length).toBeGreaterThan(1),
    );
    embedded.expireTokensAfter(Number.POSITIVE_INFINITY);
    embedded.putService(fresh('late'));
    await once(cluster, () => cluster.find('e2e', 'late') !== undefined);
  });
});

describe('a right that is missing', () => {
  test('to watch: listed at intervals, and said so once for each', async () => {
    embedded.faults.denied = new Set(['watch services', 'watch endpointslices']);
    const cluster = await connect({ discoveryLimits: { pollMs: 50 } });
    embedded.putService(fresh('late'));
    await once(cluster, () => cluster.find('e2e', 'late') !== undefined);
    await vi.waitFor(() =>
      expect(log.lines.filter((line) => line.startsWith('info: this account may not watch'))).toHaveLength(2),
    );
  });

  test('to slices: Endpoints', async () => {
    embedded.faults.denied = new Set(['list endpointslices']);
    const cluster = await watched();
    expect(readyPods(cluster, 'web')).toBe(2);
    await embedded.scale('e2e', 'web', 1);
    await once(cluster, () => readyPods(cluster, 'web') === 1);
  });

  test('to any endpoints: the pods themselves, with the ports that their containers name', async () => {
    const whole = await watched();
    embedded.faults.denied = new Set(['list endpointslices', 'list endpoints']);
    const cluster = await connect();
    for (const { name } of whole.services.filter(({ type }) => type !== 'ExternalName')) {
      const sorted = (of: Cluster): unknown =>
        [...of.podsOf(service(of, name))].sort((a, b) => (a.name < b.name ? -1 : 1));
      expect(sorted(cluster), name).toEqual(sorted(whole));
    }
    expect(await dialled(cluster, 'pair')).toBe('established');
    await openWatches(2 * WATCHES_OF_ONE_NAMESPACE);
    const [pod] = embedded.podNames('e2e', 'web');
    embedded.setReady('e2e', pod, false);
    await once(cluster, () => readyPods(cluster, 'multi') === 1);
    embedded.putService(fresh('late'));
    await once(cluster, () => cluster.find('e2e', 'late') !== undefined && readyPods(cluster, 'late') === 1);
  });

  test('to all namespaces at once: one by one, those that appear later too', async () => {
    embedded.faults.denied = new Set(['list services -A']);
    const cluster = await connect({ allNamespaces: true });
    const namespaces = new Set(cluster.services.map(({ namespace }) => namespace));
    expect([...namespaces]).toEqual(['e2e', 'demo']);
    embedded.addNamespace('new');
    embedded.putService({ ...fresh('late'), namespace: 'new' });
    await once(cluster, () => cluster.find('new', 'late') !== undefined);
  });

  test('to a namespace that has just been made, and is given a moment later', async () => {
    embedded.faults.denied = new Set(['list services -A', 'list services -n new', 'list services -n demo']);
    const leftOutBackoff = { firstMs: 20, maxMs: 100 };
    const cluster = await connect({ allNamespaces: true, discoveryLimits: { leftOutBackoff } });
    embedded.addNamespace('new');
    embedded.putService({ ...fresh('late'), namespace: 'new' });
    await vi.waitFor(() => {
      const refused = requests.filter((line) => /\/namespaces\/new\/services.* 403$/.test(line));
      expect(refused.length).toBeGreaterThan(1);
    });
    expect(cluster.find('new', 'late')).toBeUndefined();
    embedded.faults.denied = new Set(['list services -A']);
    await once(cluster, () => cluster.find('new', 'late') !== undefined);
    // So is what was left out from the first.
    await once(cluster, () => cluster.find('demo', 'web') !== undefined);
    embedded.removeService('new', 'late');
    await once(cluster, () => cluster.find('new', 'late') === undefined);
  });

  test('to all namespaces, and to see which there are: the right is named', async () => {
    const failure = connect({ allNamespaces: true }, 'forwarder');
    await expect(failure).rejects.toMatchObject({
      code: 'FORBIDDEN',
      message: expect.stringContaining('may not list namespaces'),
      remedy: expect.stringContaining('name the namespaces with -n'),
    });
  });
});

describe('a selection', () => {
  test('of all namespaces: one list and one watch of each resource, the first namespace first', async () => {
    const cluster = await watched({ allNamespaces: true });
    expect(cluster.services[0]).toMatchObject({ namespace: 'e2e' });
    expect(cluster.services.some(({ namespace }) => namespace === 'demo')).toBe(true);
    expect(requests.filter((line) => !line.includes('watch='))).toHaveLength(2);
  });

  test('by label is the server’s to make, and to check', async () => {
    const cluster = await watched({ selector: 'nobody=has-it' });
    expect(cluster.services).toEqual([]);
    await expect(connect({ selector: '=' })).rejects.toMatchObject({
      code: 'SELECTOR_INVALID',
      remedy: expect.stringContaining("-l '='"),
    });
  });

  test('of single things: a Service, a pod, workloads, and nothing else', async () => {
    const cluster = await connect({
      picks: [
        { kind: 'Service', name: 'web' },
        { kind: 'Pod', name: 'sick' },
        { kind: 'Deployment', namespace: 'demo', name: 'echo' },
        { kind: 'StatefulSet', name: 'db' },
      ],
    });
    await openWatches(7);
    expect(cluster.services.map(({ kind, namespace, name }) => `${kind} ${namespace}/${name}`)).toEqual([
      'StatefulSet e2e/db',
      'Pod e2e/sick',
      'Service e2e/web',
      'Deployment demo/echo',
    ]);
    const echo = service(cluster, 'echo');
    expect(cluster.podsOf(echo)).toHaveLength(2);
    expect(cluster.hasPort(echo, 7000)).toBe(true);
    const probe = new Probe((events) => cluster.dialService(echo, 7000, events));
    await probe.send('x');
    await probe.until(() => probe.text === 'x');
    // It runs and is not ready: who names it means it.
    expect(cluster.podsOf(service(cluster, 'sick'))).toEqual([]);
    const sick = new Probe((events) => cluster.dialService(service(cluster, 'sick'), 7000, events));
    await sick.send('x');
    await sick.until(() => sick.text === 'x');
    await embedded.scale('demo', 'echo', 0);
    await once(cluster, () => cluster.podsOf(echo).length === 0);
    await embedded.removePod('e2e', 'sick');
    await once(cluster, () => cluster.find('e2e', 'sick') === undefined);
  });

  test('of something that is not there: what there is instead', async () => {
    await expect(connect({ picks: [{ kind: 'Deployment', name: 'wbe' }] })).rejects.toMatchObject({
      code: 'PICK_UNKNOWN',
      message: expect.stringMatching(/no Deployment "wbe"; there is web, /),
    });
  });
});

describe('waiting for a ready pod', () => {
  test('is over when one is ready, and at once where one is', async () => {
    const cluster = await watched();
    await cluster.waitReady({ name: 'web' }, 5_000);
    const waiting = cluster.waitReady({ namespace: 'e2e', name: 'sick' }, 5_000);
    embedded.setReady('e2e', 'sick', true);
    await waiting;
    const appearing = cluster.waitReady({ name: 'late' }, 5_000);
    embedded.putService(fresh('late'));
    await appearing;
  });

  test('is bounded, and says why it was in vain', async () => {
    const cluster = await watched();
    await expect(cluster.waitReady({ name: 'sick' }, 20)).rejects.toMatchObject({
      code: 'WAIT_TIMEOUT',
      message: 'Service e2e/sick has had no ready pod within 0.02 s',
    });
    await expect(cluster.waitReady({ name: 'nobody' }, 20)).rejects.toMatchObject({
      code: 'WAIT_TIMEOUT',
      message: expect.stringContaining('has not appeared'),
    });
    const giveUp = new AbortController();
    const waiting = cluster.waitReady({ name: 'sick' }, 5_000, giveUp.signal);
    giveUp.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
  });
});
