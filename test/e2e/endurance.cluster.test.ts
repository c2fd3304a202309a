/** What must not grow: descriptors, over 2,000 connections one after another. */

import { readdirSync } from 'node:fs';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { expect, test } from 'vitest';
import { startProgram } from '../support/program.ts';
import { guest } from './guest.ts';

const WARM_UP = 600;
/** Two pods with eight upgraded connections each (src/cluster, ForwardLimits): all that may come on top. */
const UPGRADED_CONNECTIONS = 16;

function batch(count: number): string {
  return guest('tcp', { host: 'multi', port: 7, send: 'x', until: 'x', count });
}

test('2,000 connections one after another leave no descriptor behind', { timeout: 90_000 }, async () => {
  const child = startProgram(['-n', 'e2e', '--', 'sh', '-c', `${batch(WARM_UP)}; ${batch(2000)}`]);
  if (child.stdout === null || child.pid === undefined) throw new Error('not started');
  const descriptors = () => readdirSync(`/proc/${child.pid}/fd`).length;
  const seen: { failures: number; descriptors: number }[] = [];
  const closed = once(child, 'close');
  for await (const line of createInterface({ input: child.stdout })) {
    const results: { text: string }[] = JSON.parse(line);
    seen.push({ failures: results.filter(({ text }) => text !== 'x').length, descriptors: descriptors() });
  }
  await closed;
  expect(child.exitCode).toBe(0);
  expect(seen.map(({ failures }) => failures)).toEqual([0, 0]);
  expect(seen[1].descriptors).toBeLessThanOrEqual(seen[0].descriptors + UPGRADED_CONNECTIONS);
});
