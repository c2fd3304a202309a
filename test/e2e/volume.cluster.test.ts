/** Much at once: connections, and bytes. A real cluster is given more of both. */

import { expect, test } from 'vitest';
import { isReal } from '../support/changeable-cluster.ts';
import { inSandbox } from '../support/program.ts';
import { guest, tcp } from './guest.ts';

const CONNECTIONS = 500;
const BYTES = String(isReal() ? 1 << 30 : 1 << 27);
const LIMIT_MS = 170_000;

test(`${CONNECTIONS} connections at once`, { timeout: 60_000 }, async () => {
  const task = { host: 'multi', port: 7, send: 'hello', until: 'hello' };
  const [results] = await tcp([{ ...task, count: CONNECTIONS, parallel: CONNECTIONS }], {
    timeoutMs: 50_000,
  });
  expect(results.filter(({ text }) => text !== 'hello')).toEqual([]);
  expect(results).toHaveLength(CONNECTIONS);
});

test(`${BYTES} bytes each way, each of them compared`, { timeout: 2 * LIMIT_MS }, async () => {
  const [down, echo, up] = await Promise.all(
    [
      guest('transfer', 'down', `http://web/bytes?n=${BYTES}`, BYTES),
      guest('transfer', 'echo', 'http://web/echo', BYTES),
      guest('transfer', 'up', 'http://web/sink', BYTES),
    ].map((command) => inSandbox(command, { timeoutMs: LIMIT_MS })),
  );
  expect([down, echo, up].map(({ stderr }) => stderr)).toEqual(['', '', '']);
  expect(down.stdout).toBe(`${BYTES} bytes as expected\n`);
  expect(echo.stdout).toBe(`${BYTES} bytes as expected\n`);
  expect(up.stdout).toBe(`${BYTES} <nil>\n`);
});
