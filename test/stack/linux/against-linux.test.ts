/**
 * The stack on one side, the kernel's TCP on the other, a bad link between.
 *
 * Each case is one sandbox with several connections at once, both directions
 * of each compared byte by byte. KNS_LINUX_SEEDS says how many seeds to try
 * (3); a failure names its seed, and KNS_LINUX_SEED tries that one alone.
 */

import { randomFillSync } from 'node:crypto';
import { constants } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { launch, type Sandbox } from '../../../sandbox/index.ts';
import { Stack, type TcpConnection } from '../../../stack/index.ts';
import { ImpairedLink, type Impairment, PERFECT } from './impaired-link.ts';

const PERIOD = 251;
const PORT = 5000;
const CONNECTIONS = 8;
const GUEST = join(import.meta.dirname, '../../../fixtures/guests/exchange.mjs');

const ONE_SEED = process.env['KNS_LINUX_SEED'];
const SEEDS =
  ONE_SEED === undefined
    ? Array.from({ length: Number(process.env['KNS_LINUX_SEEDS'] ?? 3) }, (_, seed) => seed + 1)
    : [Number(ONE_SEED)];

const pattern = new Uint8Array(PERIOD * 256).map((_, i) => i % PERIOD);

/** Sends and checks the same stream as fixtures/guests/exchange.mjs. */
function exchange(connection: TcpConnection, bytes: number, report: (outcome: string) => void): void {
  const k = connection.localPort - PORT;
  let sent = 0;
  let received = 0;
  const send = () => {
    while (sent < bytes && connection.sendRoom > 0) {
      const start = (sent + k) % PERIOD;
      const chunk = pattern.subarray(start, Math.min(pattern.length, start + bytes - sent));
      sent += chunk.length;
      connection.write(chunk);
    }
    if (sent === bytes) connection.finish();
  };
  connection.onWritable = send;
  connection.onReadable = () => {
    for (let chunk = connection.read(); chunk !== null; chunk = connection.read()) {
      for (let i = 0; i < chunk.length; i++) {
        if (chunk[i] === (received + i + k) % PERIOD) continue;
        report(`connection ${k}: wrong byte at ${received + i}`);
        break;
      }
      received += chunk.length;
      connection.release(chunk.length);
    }
  };
  connection.onClosed = (reason) => {
    report(
      reason === 'finished' && received === bytes
        ? 'done'
        : `connection ${k}: ${reason} after ${received} bytes`,
    );
  };
  send();
}

let sandbox: Sandbox | undefined;
afterEach(async () => {
  await sandbox?.close();
  sandbox = undefined;
});

interface Case {
  readonly mtu: number;
  readonly segmentation?: boolean;
  readonly impairment?: Partial<Impairment>;
  readonly bytes: number;
}

async function run(each: Case, seed: number): Promise<{ code: number; outcomes: string[]; mishaps: number }> {
  sandbox = await launch({
    command: [process.execPath, GUEST, '10.0.1.9', ...[PORT, CONNECTIONS, each.bytes].map(String)],
    link: { address: '10.0.1.2', prefixLength: 24, gateway: '10.0.1.1', mtu: each.mtu },
  });
  const link = new ImpairedLink(
    sandbox.device,
    { ...PERFECT, ...each.impairment },
    seed,
    each.segmentation ?? true,
  );
  const stack = new Stack({ device: link, now: performance.now(), random: (bytes) => randomFillSync(bytes) });
  const outcomes: string[] = [];
  const running = sandbox;
  stack.onTcpRequest = (request) =>
    exchange(request.accept(), each.bytes, (outcome) => {
      if (outcomes.push(outcome) === CONNECTIONS) running.signal(constants.signals.SIGTERM);
    });

  let timer: NodeJS.Timeout | undefined;
  const poll = () => {
    stack.poll(performance.now());
    clearTimeout(timer);
    const at = stack.pollAt();
    if (at !== Number.POSITIVE_INFINITY) timer = setTimeout(poll, Math.max(0, at - performance.now()));
  };
  stack.onWake = () => queueMicrotask(poll);
  link.start((frame) => {
    stack.receive(performance.now(), frame, 0, frame.length);
    poll();
  });
  sandbox.start();
  const { code } = await running.exited;
  link.stop();
  clearTimeout(timer);
  return { code, outcomes, mishaps: link.mishaps };
}

const KIB = 1024;
const LOSSY: Partial<Impairment> = { loss: 0.01, duplicate: 0.01, reorder: 0.02, corrupt: 0.01, delayMs: 1 };

describe.each<[string, Case]>([
  ['64 KiB segments, a perfect link', { mtu: 65_520, bytes: 8192 * KIB }],
  ['MTU 1500 with segmentation offload', { mtu: 1500, bytes: 8192 * KIB }],
  ['MTU 1500, each segment a packet', { mtu: 1500, segmentation: false, bytes: 2048 * KIB }],
  ['MTU 1280, a bad link', { mtu: 1280, segmentation: false, bytes: 64 * KIB, impairment: LOSSY }],
  ['MTU 1500, offload, a bad link', { mtu: 1500, bytes: 192 * KIB, impairment: LOSSY }],
  ['64 KiB segments, a bad link', { mtu: 65_520, bytes: 512 * KIB, impairment: LOSSY }],
])('against Linux: %s', (_, each) => {
  test.each(each.impairment === undefined ? SEEDS.slice(0, 1) : SEEDS)(
    'seed %d',
    { timeout: 60_000 },
    async (seed) => {
      const { code, outcomes, mishaps } = await run(each, seed);
      expect({ code, outcomes }).toEqual({
        code: 0,
        outcomes: Array.from({ length: CONNECTIONS }, () => 'done'),
      });
      expect(mishaps > 0).toBe(each.impairment !== undefined);
    },
  );
});
