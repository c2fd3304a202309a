/** Whom a reader that stalls holds up: nobody but itself. */

import { expect, test } from 'vitest';
import { isReal } from '../support/changeable-cluster.ts';
import { fromSetup, runProgram } from '../support/program.ts';

const MIB = 1 << 20;
const OTHERS = 20;
const STALL_MS = isReal() ? 30_000 : 8_000;
/** Fair shares of a busy machine are uneven; held up by another they would be as long as the stall. */
const LONGEST_SILENCE_MS = 5_000;

test(`one stalls for ${STALL_MS / 1000} s while ${OTHERS} others download`, async () => {
  const file = `${fromSetup('KNS_TEST_GUESTS')}/stalled.mjs`;
  const args = ['multi', 19, OTHERS, 8 * MIB, STALL_MS].map(String);
  const { code, stdout, stderr } = await runProgram(['-n', 'e2e', '--', process.execPath, file, ...args], {
    timeoutMs: 110_000,
  });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const { downloads, longestSilenceMs, readOn } = JSON.parse(stdout);
  expect(downloads).toBeGreaterThan(2 * OTHERS);
  expect(longestSilenceMs).toBeLessThan(LONGEST_SILENCE_MS);
  expect(readOn).toBeGreaterThanOrEqual(8 * MIB);
}, 120_000);
