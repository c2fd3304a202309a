/** An API server that is killed and comes back, under a steady flow of new connections. */

import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type StoppableApi, stoppableApi } from '../support/stoppable-api.ts';
import { startGuest } from './guest-lines.ts';

const BACK_WITHIN_MS = 5_000;
const TRANSPORTS = ['spdy-websocket', 'spdy', 'websocket'];
const LIMIT_MS = 150_000;

let api: StoppableApi;

beforeAll(async () => {
  api = await stoppableApi();
}, LIMIT_MS);

afterAll(() => api.close(), LIMIT_MS);

test(
  'what runs is reset, on each transport; when it is back, new connections work within five seconds',
  async () => {
    const env = { KUBECONFIG: api.kubeconfig };
    const steady = startGuest('steady', ['multi', 7, 1, 50], { env });
    const downloads = TRANSPORTS.map((transport) =>
      startGuest('download', ['db-0.db', 7002, 1e12], { env, flags: ['--transport', transport] }),
    );
    if (!steady.child.stderr) throw new Error('no pipe');
    const told = once(createInterface({ input: steady.child.stderr }), 'line');
    await Promise.all([steady.line('working'), ...downloads.map((each) => each.line('moving'))]);

    await api.stop();
    // A file that is cut short is never taken for whole.
    const ends = await Promise.all(downloads.map(async (each) => JSON.parse(await each.last())));
    expect(ends.map(({ error }) => error)).toEqual(TRANSPORTS.map(() => 'ECONNRESET'));
    await steady.line('failing');
    expect(await told).toEqual([expect.stringMatching(/API_UNREACHABLE/)]);

    await api.start();
    const backMs = performance.now();
    await steady.line('working');
    expect(performance.now() - backMs).toBeLessThan(BACK_WITHIN_MS);
    steady.child.kill('SIGTERM');
    // A connection was reset, if it was open when the server went, and unreachable afterwards.
    const { failed } = JSON.parse(await steady.last());
    const ways = new Set(['ECONNRESET', 'EHOSTUNREACH']);
    expect(Object.keys(failed).filter((code) => !ways.has(code))).toEqual([]);
    expect(failed.EHOSTUNREACH).toBeGreaterThan(0);
  },
  LIMIT_MS,
);
