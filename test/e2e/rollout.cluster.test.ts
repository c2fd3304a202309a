/** Pods that come and go under a steady flow of new connections, and in the middle of transfers. */

import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ChangeableCluster, REPLICAS, startChangeableCluster } from '../support/changeable-cluster.ts';
import { type Guest, startCommand, startDownload, startGuest } from './guest-lines.ts';

/** Enough pods are replaced, one after the other, for so many connections to be made meanwhile. */
const CONNECTIONS = 1_000;
const WORKERS = 2;
const PAUSE_MS = 8;
/** How many of 1,000 a pod that ends at once may take along: those that it has in its hands in that moment. */
const IN_HAND = 10;
const LIMIT_MS = 150_000;
/** Of a killed pod's connection; what a runtime leaves open is ended when the pod is known to be gone. */
const ENDED_WITHIN_MS = 10_000;
const MIB = 1 << 20;

/** Writes without end to HOST PORT; prints `moving`, and how it ended. */
const UPLOAD = `
const [host, port] = process.argv.slice(1);
const socket = require('node:net').connect(Number(port), host);
const block = Buffer.alloc(65536);
let error, drained = 0;
const write = () => { while (socket.write(block)); };
socket.on('connect', write);
socket.on('drain', () => { if (drained++ === 0) console.log('moving'); write(); });
socket.on('error', ({ code }) => { error = code; });
socket.on('close', () => console.log(error));
`;

interface Counts {
  readonly made: number;
  readonly failed: Readonly<Record<string, number>>;
}

let cluster: ChangeableCluster;

beforeAll(async () => {
  cluster = await startChangeableCluster();
}, LIMIT_MS);

afterAll(() => cluster.close(), LIMIT_MS);

function inNamespace(): { namespace: string; env: { KUBECONFIG: string } } {
  const { kubeconfig, namespace } = cluster;
  return { namespace, env: { KUBECONFIG: kubeconfig } };
}

function startSteady(workers: number, pauseMs: number): Guest {
  return startGuest('steady', ['multi', 7, workers, pauseMs], inNamespace());
}

async function counted(steady: Guest): Promise<Counts> {
  steady.child.kill('SIGTERM');
  return JSON.parse(await steady.last());
}

/** Rolls out until there were `CONNECTIONS` of the steady flow. */
async function underRollouts(): Promise<Counts> {
  const steady = startSteady(WORKERS, PAUSE_MS);
  await steady.line('working');
  let enough = false;
  const allMade = (async () => {
    await steady.line(`made ${CONNECTIONS}`);
    enough = true;
  })();
  while (!enough) await cluster.rollout();
  await allMade;
  return counted(steady);
}

test(
  'a Service that is scaled to nothing refuses, and answers when it is back',
  async () => {
    const steady = startSteady(1, 100);
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

describe(`of ${CONNECTIONS} connections and more that are made during rollouts`, () => {
  test(
    'those are lost that a pod has read from and ends at once, and no other fails',
    async () => {
      const { made, failed } = await underRollouts();
      expect(made).toBeGreaterThanOrEqual(CONNECTIONS);
      // Its FIN, or its reset: nobody refused, nobody was unreachable, nobody waited in vain.
      const inHand = new Set(['closed without an answer', 'ECONNRESET']);
      expect(Object.keys(failed).filter((how) => !inHand.has(how))).toEqual([]);
      const lost = Object.values(failed).reduce((sum, count) => sum + count, 0);
      expect(lost).toBeLessThanOrEqual((IN_HAND * made) / CONNECTIONS);
    },
    LIMIT_MS,
  );

  test(
    'none fails where pods leave the Service before they end',
    async () => {
      await cluster.drainBeforeEnd();
      const { made, failed } = await underRollouts();
      expect(failed).toEqual({});
      expect(made).toBeGreaterThanOrEqual(CONNECTIONS);
    },
    LIMIT_MS,
  );
});

describe('a pod that is killed in the middle of a transfer', () => {
  test(
    'ends a download as its kernel does, by FIN or by reset; others go on to their own ends',
    async () => {
      const [dying, other] = ['db-0.db', 'db-1.db'].map((host) => startDownload(host, 1e12, inNamespace()));
      const whole = startDownload('db-1.db', 256 * MIB, inNamespace());
      await Promise.all([dying, other, whole].map((each) => each.line('moving')));
      const killedMs = performance.now();
      await cluster.killPod('db-0');
      expect(await dying.last()).toMatch(/^(FIN|RST), \d+ bytes$/);
      expect(performance.now() - killedMs).toBeLessThan(ENDED_WITHIN_MS);
      expect(await whole.last()).toBe(`FIN, ${256 * MIB} bytes`);
      expect(other.child.exitCode).toBeNull();
      other.child.kill('SIGTERM');
      await once(other.child, 'close');
    },
    LIMIT_MS,
  );

  test(
    'resets an upload, since nobody is there to take it',
    async () => {
      const upload = startCommand([process.execPath, '-e', UPLOAD, 'db-1.db', '7003'], inNamespace());
      await upload.line('moving');
      const killedMs = performance.now();
      await cluster.killPod('db-1');
      expect(await upload.last()).toBe('ECONNRESET');
      expect(performance.now() - killedMs).toBeLessThan(ENDED_WITHIN_MS);
    },
    LIMIT_MS,
  );
});
