/**
 * Datagrams between the stack and the kernel, echoed and compared by content:
 * one by one, and in runs by segmentation offload where the kernel has it.
 */

import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Stack, UdpDatagram } from '../../../stack/index.ts';
import { closeSandbox, FAR_ADDRESS, type LinkCase, runAgainstLinux } from './rig.ts';

const ROUNDS = 200;

let folder: string;
let guest: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'kns-datagrams-'));
  chmodSync(folder, 0o755);
  guest = join(folder, 'datagrams');
  execFileSync('cc', ['-O1', '-o', guest, join(import.meta.dirname, 'datagrams.c')]);
});
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(closeSandbox);

/** Echoes what has come in a turn of the event loop at once, so that it may go in one frame. */
function echo(stack: Stack): void {
  let waiting: Uint8Array[] = [];
  let last: UdpDatagram | undefined;
  stack.onUdp = (datagram) => {
    if (waiting.length === 0)
      queueMicrotask(() => {
        last?.replyAll(waiting);
        waiting = [];
      });
    waiting.push(datagram.payload.slice());
    last = datagram;
  };
}

interface Case extends Omit<LinkCase, 'ip'> {
  readonly size: number;
  readonly run: number;
}

const CASES: [string, Case][] = [
  ['one by one', { mtu: 1500, size: 1200, run: 1 }],
  ['the largest', { mtu: 65_520, size: 65_000, run: 1 }],
  ['runs of 40', { mtu: 1500, size: 1200, run: 40 }],
  ['runs of 64 small ones', { mtu: 65_520, size: 100, run: 64 }],
  ['runs of 40, no offload', { mtu: 1500, size: 1200, run: 40, offload: 'none' }],
  ['odd sizes, no offload', { mtu: 1280, size: 1231, run: 1, offload: 'none' }],
  ['fragments', { mtu: 1500, size: 9000, run: 1 }],
];

describe.each([4, 6] as const)('UDP against Linux, IPv%d', (ip) => {
  test.each(CASES)('%s', { timeout: 60_000 }, async (_, each) => {
    const command = [guest, FAR_ADDRESS[ip], ...[7, each.size, ROUNDS, each.run].map(String)];
    const { code, stack, udpSegmentation } = await runAgainstLinux({ ...each, ip }, 1, command, echo);
    expect(code).toBe(0);
    // At least one for each datagram; or else one for each run in, and a few out.
    const { framesIn, framesOut } = stack.counters;
    const datagrams = ROUNDS * each.run;
    const joined = udpSegmentation && each.run > 1;
    expect(Math.min(framesIn, framesOut) >= datagrams).toBe(!joined);
    expect(Math.max(framesIn, framesOut) < datagrams / 4).toBe(joined);
  });
});
