/** Pods and API servers that come and go while connections are made, on the embedded cluster. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type EmbeddedCluster, startEmbeddedCluster } from '../../../fixtures/cluster/index.ts';
import { type Cluster, connectCluster, loadAccess } from '../../../src/cluster/index.ts';
import { LogLines, Probe, dial, dialPod, once, service } from './probe.ts';

let embedded: EmbeddedCluster;
let cluster: Cluster;
let log: LogLines;

async function connect(context = 'embedded'): Promise<Cluster> {
  const folder = mkdtempSync(join(tmpdir(), 'kns-disruption-'));
  const kubeconfig = join(folder, 'config');
  writeFileSync(kubeconfig, embedded.kubeconfig);
  const access = await loadAccess({ kubeconfig, context });
  rmSync(folder, { recursive: true });
  return connectCluster(access, { namespaces: ['e2e'], log, limits: { endpointsRefreshMs: 0 } });
}

/** One exchange with an echo server. @returns what came back, or how it failed. */
async function echo(probe: Probe): Promise<string> {
  void probe.send('x');
  const outcome = await Promise.race([
    probe.until(() => probe.text === 'x').then(() => 'x'),
    probe.ending.then((ending) => (ending.kind === 'end' ? 'end' : ending.error.reason)),
  ]);
  probe.stream.destroy();
  return outcome;
}

beforeEach(async () => {
  log = new LogLines();
  embedded = await startEmbeddedCluster();
  cluster = await connect();
});

afterEach(async () => {
  await cluster.close();
  await embedded.close();
});

describe('pods', () => {
  test('a pod of a StatefulSet that is replaced answers again under its name', async () => {
    expect(await echo(dialPod(cluster, 'db', 'db-0', 7000))).toBe('x');
    await embedded.removePod('e2e', 'db-0');
    expect(await echo(dialPod(cluster, 'db', 'db-0', 7000))).toMatch(/refused|reset/);
    expect(embedded.addPod('e2e', 'db')).toBe('db-0');
    await once(cluster, () => cluster.podsOf(service(cluster, 'db')).length === 2);
    expect(await echo(dialPod(cluster, 'db', 'db-0', 7000))).toBe('x');
    expect(log.lines.filter((line) => line.startsWith('warn'))).toEqual([]);
  });

  test('a rollout loses no connection that is made meanwhile', async () => {
    const names = embedded.podNames('e2e', 'web');
    for (let i = 0; i < 4; i++) expect(await echo(dial(cluster, 'multi', 7))).toBe('x');
    for (const old of names) {
      embedded.addPod('e2e', 'web');
      await embedded.removePod('e2e', old);
      for (let i = 0; i < 6; i++) expect(await echo(dial(cluster, 'multi', 7))).toBe('x');
    }
    expect(log.lines.filter((line) => line.startsWith('warn'))).toEqual([]);
  });

  test('a pod whose end the runtime keeps to itself is known to be gone all the same', async () => {
    embedded.faults.podEndUnseen = true;
    const probe = dialPod(cluster, 'db', 'db-0', 7002);
    await probe.send(`${2 ** 40}\n`);
    await probe.until(() => probe.bytes > 0);
    await embedded.removePod('e2e', 'db-0');
    expect(await probe.ending).toMatchObject({ error: { reason: 'reset', message: 'the pod is gone' } });
  });

  test('an upgraded connection that breaks in mid-transfer resets what it carries, and the next is new', async () => {
    const probe = dial(cluster, 'multi', 19);
    await probe.send(`${1 << 30}\n`);
    await probe.until(() => probe.bytes > 0);
    expect(embedded.dropForwards()).toBe(1);
    expect(await probe.ending).toMatchObject({ error: { reason: 'reset' } });
    expect(await echo(dial(cluster, 'multi', 7))).toBe('x');
  });
});

describe('the API server', () => {
  test('that restarts ends what it carried, and carries on', async () => {
    const before = dial(cluster, 'multi', 7);
    void before.send('x');
    await before.until(() => before.text === 'x');
    await embedded.stopApi();
    expect(await before.ending).toMatchObject({ error: { reason: 'reset' } });
    // Nobody listens: what was known good does not hang, nor does what was not.
    expect(await echo(dial(cluster, 'multi', 7))).toMatch(/reset|unreachable/);
    expect(await echo(dial(cluster, 'pair', 7))).toBe('unreachable');
    await embedded.startApi();
    for (let i = 0; i < 4; i++) expect(await echo(dial(cluster, 'multi', 7))).toBe('x');
  });

  test('that takes no token any more is told about in one line, with the remedy', async () => {
    expect(await echo(dial(cluster, 'multi', 7))).toBe('x');
    embedded.expireTokensAfter(0);
    embedded.dropForwards();
    expect(await echo(dial(cluster, 'pair', 7))).toBe('unreachable');
    expect(await echo(dial(cluster, 'pair', 7))).toBe('unreachable');
    expect(log.lines.filter((line) => line.startsWith('warn'))).toEqual([
      expect.stringMatching(/^warn: the API server does not accept .* \[UNAUTHORIZED\]: log in again/),
    ]);
    embedded.expireTokensAfter(Number.POSITIVE_INFINITY);
    expect(await echo(dial(cluster, 'pair', 7))).toBe('x');
  });

  test.each([
    ['1.20.2', ['get', 'create']],
    ['1.29.0', ['get']],
    ['1.29.0', ['create']],
    ['1.34.1', ['get']],
    ['1.35.0', ['create']],
  ] as const)('of version %s, for an account with the verbs %j', async (kubernetesVersion, verbs) => {
    await cluster.close();
    await embedded.close();
    embedded = await startEmbeddedCluster({ kubernetesVersion });
    embedded.restrictForwarder([...verbs]);
    cluster = await connect('forwarder');
    expect(await echo(dial(cluster, 'multi', 7))).toBe('x');
  });
});
