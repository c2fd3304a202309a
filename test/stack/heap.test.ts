/**
 * The steady path leaves nothing behind: after a warm-up, a million packets in
 * each direction, with timestamps and SACK, grow neither the heap nor the pools.
 *
 * It runs in a process of its own, with the collector at hand.
 */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { build } from 'esbuild';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What a collection may leave uncollected, and code that was compiled meanwhile. */
const SLACK_BYTES = 400_000;

const PACKETS = 1_000_000;
const PACKET_BYTES = 1000;

interface Printed {
  received: number;
  acknowledged: number;
  grownBytes: number;
  sackBlocksOut: number;
  counters: { tcpOutOfOrder: number; tcpSackBad: number; tcpRetransmitTimeouts: number };
}

test.each(['4', '6'])(
  'a million packets each way grow nothing, IPv%s',
  { timeout: 120_000 },
  async (version) => {
    const directory = mkdtempSync(join(tmpdir(), 'stack-heap-'));
    try {
      const outfile = join(directory, 'program.mjs');
      await build({
        entryPoints: [fileURLToPath(new URL('./harness/heap-program.ts', import.meta.url))],
        bundle: true,
        format: 'esm',
        platform: 'node',
        outfile,
      });
      const printed = execFileSync(process.execPath, ['--expose-gc', outfile, version, String(PACKETS)], {
        encoding: 'utf8',
      });
      const seen = JSON.parse(printed) as Printed;
      const bytes = PACKETS * PACKET_BYTES;
      expect([seen.received, seen.acknowledged]).toEqual([bytes, bytes]);
      expect(seen.counters).toMatchObject({ tcpSackBad: 0, tcpRetransmitTimeouts: 0 });
      expect(seen.counters.tcpOutOfOrder).toBeGreaterThan(PACKETS / 100);
      expect(seen.sackBlocksOut).toBeGreaterThan(PACKETS / 100);
      expect(seen.grownBytes).toBeLessThan(SLACK_BYTES);
    } finally {
      rmSync(directory, { recursive: true });
    }
  },
);
