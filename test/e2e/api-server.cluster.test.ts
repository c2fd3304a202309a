/** An API server that is killed and comes back, under a steady flow of new connections. */

import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type StoppableApi, stoppableApi } from '../support/stoppable-api.ts';
import { startDownload, startGuest } from './guest-lines.ts';

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
      startDownload('db-0.db', 1e12, { env, flags: ['--transport', transport] }),
    );
    if (!steady.child.stderr) throw new Error('no pipe');
    const told = once(createInterface({ input: steady.child.stderr }), 'line');
    await Promise.all([steady.line('working'), ...downloads.map((each) => each.line('moving'))]);

    await api.stop();
    // A file that is cut short is never taken for whole.
    const ends = await Promise.all(downloads.map((each) => each.last()));
    expect(ends).toEqual(TRANSPORTS.map(() => expect.stringMatching(/^RST/)));
    await steady.line('failing');
    expect(await told).toEqual([expect.stringMatching(/API_UNREACHABLE/)]);

    await api.start();
    const backMs = performance.now();
    await steady.line('working');
    expect(performance.now() - backMs).toBeLessThan(BACK_WITHIN_MS);
    steady.child.kill('SIGTERM');
    // Reset, where a pod was known good or had the connection; refused, where the server that ends has ended each
    // attempt without a reply; else there is no way to any.
    const { failed } = JSON.parse(await steady.last());
    const ways = new Set(['ECONNRESET', 'ECONNREFUSED', 'EHOSTUNREACH']);
    expect(Object.keys(failed).filter((code) => !ways.has(code))).toEqual([]);
  },
  LIMIT_MS,
);
