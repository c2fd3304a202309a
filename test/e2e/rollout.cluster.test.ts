/** Pods that come and go under a steady flow of new connections, and in the middle of transfers. */

import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Guest, startGuest } from './guest-lines.ts';
import { type LiveCluster, REPLICAS, liveCluster } from './live-cluster.ts';

/** Enough pods are replaced, one after the other, for so many connections to be made meanwhile. */
const CONNECTIONS = 1_000;
const WORKERS = 2;
const PAUSE_MS = 8;
const LIMIT_MS = 150_000;
/** Of a killed pod's connection; what a runtime leaves open is ended when the pod is known to be gone. */
const RESET_WITHIN_MS = 10_000;
const MIB = 1 << 20;

interface Counts {
  readonly made: number;
  readonly failed: Readonly<Record<string, number>>;
}

let cluster: LiveCluster;

beforeAll(async () => {
  cluster = await liveCluster();
}, LIMIT_MS);

afterAll(() => cluster.close(), LIMIT_MS);

function guest(program: string, ...args: readonly (string | number)[]): Guest {
  return startGuest(program, args, { env: { KUBECONFIG: cluster.kubeconfig } });
}

async function counted(steady: Guest): Promise<Counts> {
  steady.child.kill('SIGTERM');
  return JSON.parse(await steady.last());
}

test(
  `of ${CONNECTIONS} connections and more that are made during rollouts, none fails`,
  async () => {
    await cluster.drainBeforeEnd();
    const steady = guest('steady', 'multi', 7, WORKERS, PAUSE_MS);
    await steady.line('working');
    let enough = false;
    const allMade = (async () => {
      await steady.line(`made ${CONNECTIONS}`);
      enough = true;
    })();
    while (!enough) await cluster.rollout();
    await allMade;
    const { made, failed } = await counted(steady);
    expect(failed).toEqual({});
    expect(made).toBeGreaterThanOrEqual(CONNECTIONS);
  },
  LIMIT_MS,
);

test(
  'a Service that is scaled to nothing refuses, and answers when it is back',
  async () => {
    const steady = guest('steady', 'multi', 7, 1, 100);
    await steady.line('working');
    await cluster.scale(0);
    await steady.line('failing: ECONNREFUSED');
    await cluster.scale(REPLICAS);
    await steady.line('working');
    const { failed } = await counted(steady);
    expect(failed['silence']).toBeUndefined();
  },
  LIMIT_MS,
);

describe('a pod that is killed in the middle of a transfer', () => {
  test(
    'ends that one; another goes on to its own end',
    async () => {
      const [dying, other] = ['db-0.db', 'db-1.db'].map((host) => guest('download', host, 7002, 1e12));
      const whole = guest('download', 'db-1.db', 7002, 256 * MIB);
      await Promise.all([dying, other, whole].map((each) => each.line('moving')));
      const killedMs = performance.now();
      await cluster.killPod('db-0');
      const { complete, error } = JSON.parse(await dying.last());
      expect(performance.now() - killedMs).toBeLessThan(RESET_WITHIN_MS);
      // As its kernel had it, and the runtime passed it on: a FIN, or a reset.
      expect(['ECONNRESET', undefined]).toContain(error);
      expect(complete).toBe(false);
      expect(JSON.parse(await whole.last())).toMatchObject({ bytes: 256 * MIB, complete: true });
      expect(other.child.exitCode).toBeNull();
      other.child.kill('SIGTERM');
      await once(other.child, 'close');
    },
    LIMIT_MS,
  );
});
