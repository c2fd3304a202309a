/** Which transport is taken without being told, on the embedded cluster. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type EmbeddedCluster, startEmbeddedCluster } from '../../../../fixtures/cluster/index.ts';
import {
  type Cluster,
  type ClusterAccess,
  connectCluster,
  loadAccess,
  type TransportName,
} from '../../../../src/cluster/index.ts';
import { dial, dialPod, LogLines, type Probe } from '../probe.ts';

const SILENT_AFTER = '300ms';

let embedded: EmbeddedCluster;
let cluster: Cluster;
let log: LogLines;

beforeEach(async () => {
  embedded = await startEmbeddedCluster();
  const folder = mkdtempSync(join(tmpdir(), 'kns-ladder-'));
  const kubeconfig = join(folder, 'config');
  writeFileSync(kubeconfig, embedded.kubeconfig);
  const access = await loadAccess({ kubeconfig, requestTimeout: SILENT_AFTER });
  rmSync(folder, { recursive: true });
  log = new LogLines();
  // Nothing is opened but for a connection, and each has an upgrade of its own.
  const limits = { warmConnections: 0, streamsPerLife: 1 };
  cluster = await connectCluster(access, { namespaces: ['e2e'], log, limits });
});

afterEach(async () => {
  await cluster.close();
  await embedded.close();
});

async function echo(probe: Probe): Promise<void> {
  void probe.send('x');
  await Promise.race([
    probe.until(() => probe.text === 'x'),
    probe.ending.then((ending) => Promise.reject(new Error(JSON.stringify(ending)))),
  ]);
}

const falls = (): string[] => log.lines.filter((line) => line.includes(' not by '));

test('a SPDY upgrade comes first', async () => {
  await echo(dial(cluster, 'multi', 7));
  expect(embedded.counters).toMatchObject({
    refusedUpgrades: 0,
    upgrades: { spdy: 1, tunnel: 0, channel: 0 },
  });
});

test.each([
  [{ spdy: 502 }, { spdy: 0, tunnel: 2, channel: 0 }, ['spdy']],
  [{ spdy: 502, tunnel: 400 }, { spdy: 0, tunnel: 0, channel: 2 }, ['spdy', 'spdy-websocket']],
] as const)(
  'where a gateway answers %j, the next one down is taken, and kept',
  async (refuseUpgrade, upgrades, fallen) => {
    embedded.faults.refuseUpgrade = refuseUpgrade;
    for (let i = 0; i < 2; i++) await echo(dial(cluster, 'multi', 7));
    expect(embedded.counters).toMatchObject({ refusedUpgrades: fallen.length, upgrades });
    expect(falls()).toEqual(
      fallen.map((name) => expect.stringMatching(`^info: port-forward to web-.* not by ${name}: `)),
    );
  },
);

test('where one is never answered, that is waited for once', async () => {
  embedded.faults.refuseUpgrade = { spdy: 'silence' };
  for (let i = 0; i < 2; i++) await echo(dial(cluster, 'multi', 7));
  expect(embedded.counters.upgrades).toEqual({ spdy: 0, tunnel: 2, channel: 0 });
  expect(falls()).toEqual([expect.stringMatching(/^info: .* not by spdy: .* no answer within 0\.3 s$/)]);
  // Even where the order is gone through again.
  embedded.faults.refuseUpgrade = { tunnel: 502 };
  await echo(dial(cluster, 'multi', 7));
  expect(embedded.counters.upgrades).toEqual({ spdy: 0, tunnel: 2, channel: 1 });
});

test('where two are never answered, it is the network', async () => {
  embedded.faults.refuseUpgrade = { spdy: 'silence', tunnel: 'silence' };
  expect(await dialPod(cluster, 'db', 'db-0', 7000).ending).toMatchObject({
    error: { reason: 'unreachable', cause: { code: 'FORWARD_UNANSWERED' } },
  });
  expect(falls()).toHaveLength(1);
  embedded.faults.refuseUpgrade = {};
  await echo(dialPod(cluster, 'db', 'db-1', 7000));
  expect(embedded.counters.upgrades).toEqual({ spdy: 1, tunnel: 0, channel: 0 });
});

test('what has worked and is not answered any more leads to no other', async () => {
  await echo(dialPod(cluster, 'db', 'db-1', 7000));
  embedded.faults.refuseUpgrade = { spdy: 'silence' };
  expect(await dialPod(cluster, 'db', 'db-0', 7000).ending).toMatchObject({
    error: { reason: 'unreachable' },
  });
  expect(embedded.counters.upgrades).toEqual({ spdy: 1, tunnel: 0, channel: 0 });
});

test('a pod whose node is gone holds up the others for one wait, and not for two', async () => {
  embedded.faults.silentPods = new Set(['db-0']);
  const lost = dialPod(cluster, 'db', 'db-0', 7000);
  await echo(dialPod(cluster, 'db', 'db-1', 7000));
  expect(lost.events).toEqual([]);
  expect(await lost.ending).toMatchObject({ error: { reason: 'unreachable' } });
  expect(embedded.counters.upgrades).toEqual({ spdy: 0, tunnel: 1, channel: 0 });
});

test('a pod whose node is gone leaves its connections to another', async () => {
  const [gone] = embedded.podNames('e2e', 'web');
  embedded.faults.silentPods = new Set([gone]);
  for (let i = 0; i < 4; i++) await echo(dial(cluster, 'multi', 7));
  // One has found it out.
  expect(log.lines.filter((line) => line.includes(`by pod ${gone}: no port-forward`))).toHaveLength(1);
});

const UPGRADE_MS = 200;

/** Of a cluster whose requests have no limit, and dials little patience. */
async function impatient(transport: TransportName = 'spdy'): Promise<ClusterAccess> {
  await cluster.close();
  const access = await loadAccess({ kubeconfigText: embedded.kubeconfig, requestTimeout: '0' });
  cluster = await connectCluster(access, {
    namespaces: ['e2e'],
    log,
    limits: { warmConnections: 0, streamsPerLife: 1, upgradeMs: UPGRADE_MS },
    transports: [transport],
  });
  return access;
}

test('and does not keep them until its own time is over', async () => {
  await impatient();
  await echo(dialPod(cluster, 'db', 'db-0', 7000));
  const [gone] = embedded.podNames('e2e', 'web');
  embedded.faults.silentPods = new Set([gone]);
  for (let i = 0; i < 4; i++) await echo(dial(cluster, 'multi', 7));
});

test('nor while others go on to ask for it', async () => {
  await impatient('websocket');
  await echo(dialPod(cluster, 'db', 'db-0', 7000));
  const [gone] = embedded.podNames('e2e', 'web');
  embedded.faults.silentPods = new Set([gone]);
  let left = 2;
  const first = [0, 1].map(() => echo(dial(cluster, 'multi', 7)).then(() => left--));
  const others: Promise<void>[] = [];
  while (left > 0) {
    others.push(echo(dial(cluster, 'multi', 7)));
    await new Promise((resolve) => setTimeout(resolve, UPGRADE_MS / 4));
  }
  await Promise.all([...first, ...others]);
});

test.each([
  ['before the pod is asked for', 0],
  ['after the server has refused what was there', 1],
])('the time that a login takes is not the time of a pod: %s', async (_when, refusals) => {
  const { authenticator } = await impatient();
  const grant = authenticator.grant.bind(authenticator);
  let grants = 0;
  authenticator.grant = async () => {
    if (grants++ < refusals)
      return { headers: { Authorization: 'Bearer expired' }, discard: async () => true };
    await new Promise((resolve) => setTimeout(resolve, 3 * UPGRADE_MS));
    return grant();
  };
  await echo(dial(cluster, 'multi', 7));
  expect(log.lines.filter((line) => line.includes('no port-forward'))).toEqual([]);
});

test('what was not answered to one is tried for another, where nothing else works', async () => {
  embedded.faults.silentPods = new Set(['db-0']);
  embedded.faults.refuseUpgrade = { tunnel: 400, channel: 400 };
  const lost = dialPod(cluster, 'db', 'db-0', 7000);
  await echo(dialPod(cluster, 'db', 'db-1', 7000));
  expect(lost.events).toEqual([]);
  expect(embedded.counters.upgrades).toEqual({ spdy: 1, tunnel: 0, channel: 0 });
});
