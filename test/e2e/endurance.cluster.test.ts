/** What must not grow, connection after connection: descriptors and memory. */

import { readFileSync, readdirSync } from 'node:fs';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { expect, test } from 'vitest';
import { isReal } from '../support/changeable-cluster.ts';
import { startProgram } from '../support/program.ts';
import { guest } from './guest.ts';

const [WARM_UP, COUNT] = isReal() ? [2_000, 10_000] : [600, 2_000];
/** Two pods with sixteen upgraded connections each (src/cluster, ForwardLimits): all that may come on top. */
const UPGRADED_CONNECTIONS = 32;
/** The heap of a collector that takes its time; a connection that leaves 4 KiB behind would exceed it. */
const GROWTH_BYTES = 40 * (1 << 20);

function batch(count: number): string {
  return guest('tcp', { host: 'multi', port: 7, send: 'x', until: 'x', count });
}

function resident(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * 1024;
}

test(`${COUNT} connections one after another leave nothing behind`, { timeout: 400_000 }, async () => {
  const child = startProgram(['-n', 'e2e', '--', 'sh', '-c', `${batch(WARM_UP)}; ${batch(COUNT)}`]);
  const { pid = 0, stdout } = child;
  if (stdout === null || pid === 0) throw new Error('not started');
  const seen: { failures: number; descriptors: number; bytes: number }[] = [];
  const closed = once(child, 'close');
  for await (const line of createInterface({ input: stdout })) {
    const results: { text: string }[] = JSON.parse(line);
    seen.push({
      failures: results.filter(({ text }) => text !== 'x').length,
      descriptors: readdirSync(`/proc/${pid}/fd`).length,
      bytes: resident(pid),
    });
  }
  await closed;
  expect(child.exitCode).toBe(0);
  expect(seen.map(({ failures }) => failures)).toEqual([0, 0]);
  const [before, after] = seen;
  expect(after.descriptors).toBeLessThanOrEqual(before.descriptors + UPGRADED_CONNECTIONS);
  expect(after.bytes).toBeLessThan(before.bytes + GROWTH_BYTES);
});
