/**
 * The steady path leaves nothing behind: after a warm-up, hundreds of thousands
 * of packets in each direction grow neither the heap nor the pools.
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

test.each(['4', '6'])(
  '200,000 packets each way grow nothing, IPv%s',
  { timeout: 60_000 },
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
      const printed = execFileSync(process.execPath, ['--expose-gc', outfile, version], { encoding: 'utf8' });
      const { receivedBytes, acknowledgedBytes, grownBytes } = JSON.parse(printed) as Record<string, number>;
      expect([receivedBytes, acknowledgedBytes]).toEqual([200_000 * 1000, 200_000 * 1000]);
      expect(grownBytes).toBeLessThan(SLACK_BYTES);
    } finally {
      rmSync(directory, { recursive: true });
    }
  },
);
