/**
 * The stack on one side, the kernel's TCP on the other, a bad link between.
 *
 * Each case is one sandbox with several connections at once, both directions
 * of each compared byte by byte. KNS_LINUX_SEEDS says how many seeds to try
 * (3); a failure names its seed, and KNS_LINUX_SEED tries that one alone.
 */

import { constants } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import type { TcpConnection } from '../../../stack/index.ts';
import type { Impairment } from './impaired-link.ts';
import { closeSandbox, FAR_ADDRESS, type LinkCase, runAgainstLinux } from './rig.ts';

const PERIOD = 251;
const PORT = 5000;
const CONNECTIONS = 8;
const GUESTS = join(import.meta.dirname, '../../../fixtures/guests');
const GUEST = join(GUESTS, 'exchange.mjs');

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

afterEach(closeSandbox);

interface Case extends Omit<LinkCase, 'ip'> {
  readonly bytes: number;
}

async function run(each: Case & LinkCase, seed: number) {
  const outcomes: string[] = [];
  const guest = [FAR_ADDRESS[each.ip], PORT, CONNECTIONS, each.bytes].map(String);
  const { code, mishaps } = await runAgainstLinux(
    each,
    seed,
    [process.execPath, GUEST, ...guest],
    (stack, sandbox) => {
      stack.onTcpRequest = (request) =>
        exchange(request.accept(), each.bytes, (outcome) => {
          if (outcomes.push(outcome) === CONNECTIONS) sandbox.signal(constants.signals.SIGTERM);
        });
    },
  );
  return { code, outcomes, mishaps };
}

const KIB = 1024;
const LOSSY: Partial<Impairment> = { loss: 0.01, duplicate: 0.01, reorder: 0.02, corrupt: 0.01, delayMs: 1 };

const CASES: [string, Case][] = [
  ['64 KiB segments, a perfect link', { mtu: 65_520, bytes: 8192 * KIB }],
  ['MTU 1500 with segmentation offload', { mtu: 1500, bytes: 8192 * KIB }],
  ['MTU 1500, each segment to Linux a packet', { mtu: 1500, offload: 'receive', bytes: 2048 * KIB }],
  ['MTU 1280, no offload', { mtu: 1280, offload: 'none', bytes: 1024 * KIB }],
  ['MTU 65520, no offload', { mtu: 65_520, offload: 'none', bytes: 4096 * KIB }],
  ['MTU 1280, no offload, a bad link', { mtu: 1280, offload: 'none', bytes: 64 * KIB, impairment: LOSSY }],
  ['MTU 1500, offload, a bad link', { mtu: 1500, bytes: 192 * KIB, impairment: LOSSY }],
  ['MTU 9000, no offload, a bad link', { mtu: 9000, offload: 'none', bytes: 192 * KIB, impairment: LOSSY }],
  ['64 KiB segments, a bad link', { mtu: 65_520, bytes: 512 * KIB, impairment: LOSSY }],
];

describe.each([4, 6] as const)('against Linux, IPv%d', (ip) => {
  describe.each(CASES)('%s', (_, each) => {
    test.each(each.impairment === undefined ? SEEDS.slice(0, 1) : SEEDS)(
      'seed %d',
      { timeout: 60_000 },
      async (seed) => {
        const { code, outcomes, mishaps } = await run({ ...each, ip }, seed);
        expect({ code, outcomes }).toEqual({
          code: 0,
          outcomes: Array.from({ length: CONNECTIONS }, () => 'done'),
        });
        expect(mishaps > 0).toBe(each.impairment !== undefined);
      },
    );
  });
});

/** While a probe is out, what we acknowledge must not be numbered past the window that it probes. */
test.each([4, 6] as const)(
  'a guest that reads nothing gets its own bytes through, IPv%d',
  { timeout: 30_000 },
  async (ip) => {
    const bytes = 16 << 20;
    const guest = [FAR_ADDRESS[ip], PORT, bytes].map(String);
    let received = 0;
    const { code } = await runAgainstLinux(
      { ip, mtu: 65_520 },
      1,
      [process.execPath, join(GUESTS, 'upload-unread.mjs'), ...guest],
      (stack) => {
        stack.onTcpRequest = (request) => {
          const connection = request.accept();
          if (connection.localPort === PORT) {
            while (connection.sendRoom > 0) connection.write(pattern);
            connection.onWritable = () => connection.write(pattern);
            connection.onReadable = () => {
              for (let chunk = connection.read(); chunk !== null; chunk = connection.read()) {
                received += chunk.length;
                connection.release(chunk.length);
              }
            };
          } else {
            const probed = setInterval(() => {
              if (stack.counters.tcpWindowProbes === 0) return;
              clearInterval(probed);
              connection.write(Uint8Array.of(1));
            }, 10);
          }
        };
      },
    );
    expect(code).toBe(0);
    // What the kernel had not sent yet is lost with the guest, which has unread bytes.
    expect(received).toBeGreaterThan(bytes / 2);
  },
);
