/** An API server that is away for a while, under a steady flow of new connections. */

import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startGuest } from './guest-lines.ts';
import { type LiveCluster, liveCluster } from './live-cluster.ts';

const BACK_WITHIN_MS = 5_000;
const LIMIT_MS = 150_000;

let cluster: LiveCluster;

beforeAll(async () => {
  cluster = await liveCluster();
}, LIMIT_MS);

afterAll(() => cluster.close(), LIMIT_MS);

test(
  'when it is back, new connections work within five seconds; what ran is reset, and both are said',
  async () => {
    const env = { KUBECONFIG: cluster.kubeconfig };
    const steady = startGuest('steady', ['multi', 7, 1, 50], { env });
    const running = startGuest('download', ['db-0.db', 7002, 1e12], { env });
    const told = once(createInterface({ input: steady.child.stderr ?? process.stdin }), 'line');
    await Promise.all([steady.line('working'), running.line('moving')]);
    await cluster.stopApi();
    expect(JSON.parse(await running.last())).toMatchObject({ complete: false, error: 'ECONNRESET' });
    await steady.line('failing');
    expect(await told).toEqual([expect.stringMatching(/API_UNREACHABLE/)]);
    await cluster.startApi();
    const backMs = performance.now();
    await steady.line('working');
    expect(performance.now() - backMs).toBeLessThan(BACK_WITHIN_MS);
    steady.child.kill('SIGTERM');
    await steady.last();
  },
  LIMIT_MS,
);
