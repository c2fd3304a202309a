/** What is known of a cluster follows its changes: on the embedded cluster and on a real one. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type ChangeableCluster, startChangeableCluster } from '../../../support/changeable-cluster.ts';
import { Relay } from '../../../support/relay.ts';
import { type Cluster, connectCluster, loadAccess } from '../../../../src/cluster/index.ts';
import { LogLines, once, Probe, service } from '../probe.ts';

let changeable: ChangeableCluster;
let cluster: Cluster;
let log: LogLines;

beforeAll(async () => {
  changeable = await startChangeableCluster();
}, 90_000);

afterAll(async () => {
  await changeable.close();
});

beforeEach(async () => {
  log = new LogLines();
  cluster = await connect();
});

afterEach(async () => {
  await cluster.close();
  expect(log.lines.filter((line) => line.startsWith('warn'))).toEqual([]);
});

async function connect(options: object = {}): Promise<Cluster> {
  const access = await loadAccess({ kubeconfig: changeable.kubeconfig });
  return connectCluster(access, { namespaces: [changeable.namespace], log, ...options });
}

const pods = (name = 'web'): number => cluster.podsOf(service(cluster, name)).length;

async function whoami(name: string): Promise<string> {
  const probe = new Probe((events) => cluster.dialService(service(cluster, name), 80, events));
  await probe.send('GET /whoami HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n');
  await probe.ending;
  return probe.text;
}

describe('while it is watched', () => {
  test('a Service comes, answers, and goes', async () => {
    await changeable.addService('late');
    await once(cluster, () => cluster.find(changeable.namespace, 'late') !== undefined && pods('late') === 2);
    expect(await whoami('late')).toMatch(/^HTTP\/1\.[01] 200 /);
    const record = service(cluster, 'late');
    await changeable.removeService('late');
    await once(cluster, () => cluster.find(changeable.namespace, 'late') === undefined);
    const refused = new Probe((events) => cluster.dialService(record, 80, events));
    expect(await refused.ending).toMatchObject({ error: { reason: 'refused' } });
  });

  test('pods come and go with the scale, and back', async () => {
    await changeable.scale(0);
    await once(cluster, () => pods() === 0);
    const refused = new Probe((events) => cluster.dialService(service(cluster, 'web'), 80, events));
    expect(await refused.ending).toMatchObject({ error: { reason: 'refused' } });
    await changeable.scale(2);
    await cluster.waitReady({ name: 'web' }, 60_000);
    await once(cluster, () => pods() === 2);
    expect(await whoami('web')).toMatch(/^HTTP\/1\.[01] 200 /);
  }, 120_000);

  test('a pod that is replaced is another', async () => {
    const before = new Set(cluster.podsOf(service(cluster, 'web')).map(({ uid }) => uid));
    await changeable.replacePod();
    await once(cluster, () => {
      const now = cluster.podsOf(service(cluster, 'web')).map(({ uid }) => uid);
      return now.length === 2 && now.some((uid) => !before.has(uid));
    });
    expect(await whoami('web')).toMatch(/^HTTP\/1\.[01] 200 /);
  }, 120_000);

  test('a pod is known by its address', () => {
    for (const { addresses, label } of cluster.podsOf(service(cluster, 'web'))) {
      expect(addresses).toHaveLength(1);
      expect(cluster.owner(addresses[0])).toMatchObject({ kind: 'pod', podLabel: label });
    }
    const [clusterIP] = service(cluster, 'web').clusterIPs;
    expect(cluster.owner(clusterIP)).toMatchObject({ kind: 'service', service: { name: 'web' } });
  });
});

describe('as it is picked', () => {
  test('a Deployment has its pods, and any port of theirs', async () => {
    const { namespace } = changeable;
    const picked = await connect({ picks: [{ namespace, kind: 'Deployment', name: 'web' }] });
    try {
      const [web] = picked.services;
      expect(web).toMatchObject({ kind: 'Deployment', namespace, name: 'web' });
      expect(picked.podsOf(web)).toHaveLength(2);
      const echo = new Probe((events) => picked.dialService(web, 7000, events));
      await echo.send('x');
      await echo.until(() => echo.text === 'x');
    } finally {
      await picked.close();
    }
  });

  test('a StatefulSet has its pods as well', async () => {
    const picked = await connect({ picks: [{ kind: 'StatefulSet', name: 'db' }] });
    try {
      const [db] = picked.services;
      expect(picked.podsOf(db).map(({ name }) => name)).toEqual(['db-0', 'db-1']);
      const echo = new Probe((events) => picked.dialService(db, 7000, events));
      await echo.send('x');
      await echo.until(() => echo.text === 'x');
    } finally {
      await picked.close();
    }
  });

  test('a Service and its endpoints alone', async () => {
    const picked = await connect({ picks: [{ kind: 'Service', name: 'web' }] });
    try {
      expect(picked.services.map(({ name }) => name)).toEqual(['web']);
      expect(picked.podsOf(picked.services[0])).toHaveLength(2);
    } finally {
      await picked.close();
    }
  });

  test('what is not there is answered by what is', async () => {
    await expect(connect({ picks: [{ kind: 'Service', name: 'wbe' }] })).rejects.toMatchObject({
      code: 'PICK_UNKNOWN',
      message: expect.stringContaining('there is web'),
    });
  });
});

test('all namespaces at once, the one that is asked for first', async () => {
  const all = await connect({ allNamespaces: true });
  try {
    expect(all.services[0]).toMatchObject({ namespace: changeable.namespace });
    expect(all.find('default', 'kubernetes') ?? all.find('demo', 'web')).toBeDefined();
    await changeable.addService('wide');
    await once(all, () => all.find(changeable.namespace, 'wide') !== undefined);
    await changeable.removeService('wide');
    await once(all, () => all.find(changeable.namespace, 'wide') === undefined);
  } finally {
    await all.close();
  }
});

test('a selector that cannot be read is the user’s to correct', async () => {
  await expect(connect({ selector: 'a in' })).rejects.toMatchObject({ code: 'SELECTOR_INVALID' });
});

test('a list in pages, from watches that end soon, shows the same', async () => {
  const limits = { pageItems: 1, watchMs: 1_000, watchMinMs: 0 };
  const other = await connect({ discoveryLimits: limits });
  try {
    await changeable.addService('paged');
    await once(other, () => other.find(changeable.namespace, 'paged') !== undefined);
    await changeable.removeService('paged');
    await once(other, () => other.find(changeable.namespace, 'paged') === undefined);
  } finally {
    await other.close();
  }
});

describe('when the way to the API server', () => {
  let relay: Relay;

  async function throughRelay(discoveryLimits: object): Promise<Cluster> {
    const access = await loadAccess({ kubeconfig: changeable.kubeconfig });
    relay = new Relay(access.server);
    const server = await relay.start();
    return connectCluster(
      { ...access, server },
      { namespaces: [changeable.namespace], log: new LogLines(), discoveryLimits },
    );
  }

  test('is cut and comes back, what has changed is known within 5 s', async () => {
    const other = await throughRelay({});
    try {
      await relay.cut();
      await changeable.addService('meanwhile');
      const backAtMs = performance.now();
      await relay.start();
      await once(other, () => other.find(changeable.namespace, 'meanwhile') !== undefined);
      expect(performance.now() - backAtMs).toBeLessThan(5_000);
    } finally {
      await changeable.removeService('meanwhile');
      await other.close();
      await relay.cut();
    }
  });

  test('falls silent, the watch that is dead is noticed', async () => {
    const other = await throughRelay({ silenceMs: 2_000 });
    const { namespace } = changeable;
    try {
      await changeable.addService('heard');
      await once(other, () => other.find(namespace, 'heard') !== undefined);
      relay.silence();
      const silentAtMs = performance.now();
      await changeable.removeService('heard');
      await once(other, () => other.find(namespace, 'heard') === undefined);
      // Less than a request may take that is not answered: nothing is asked on what is dead.
      expect(performance.now() - silentAtMs).toBeLessThan(12_000);
    } finally {
      await other.close();
      await relay.cut();
    }
  });
});
