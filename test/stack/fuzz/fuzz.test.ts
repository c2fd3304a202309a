/**
 * The seeded fuzzer (fuzzer.ts): the same programs each time, and each
 * counter and state is met.
 *
 * `KNS_FUZZ_RUNS` makes it longer, `KNS_FUZZ_SEED` another one, and
 * `KNS_FUZZ_PROGRAM` shows one program again, as a failure names it.
 */
import { expect, test } from 'vitest';
import { Counters } from '../../../stack/counters.ts';
import { Fuzzer, run } from './fuzzer.ts';

const RUNS = Number(process.env['KNS_FUZZ_RUNS'] ?? 600);
const SEED = Number(process.env['KNS_FUZZ_SEED'] ?? 1);
const PROGRAM = process.env['KNS_FUZZ_PROGRAM'];
/** How much longer it may go on until all is met. */
const LONGEST = 4;
const MS_PER_RUN = 100;

/** States of connections, and what is being done about loss in them. */
const STATES = [
  'SYN-SENT none',
  'SYN-RECEIVED none',
  'ESTABLISHED none',
  'ESTABLISHED recovery',
  'ESTABLISHED timeout',
  'CLOSE-WAIT none',
  'CLOSE-WAIT timeout',
  'FIN-WAIT-1 none',
  'FIN-WAIT-1 timeout',
  'FIN-WAIT-2 none',
  'CLOSING none',
  'LAST-ACK none',
  'LAST-ACK timeout',
];

function notMet({ features }: Fuzzer): string[] {
  const counters = new Set(Array.from(features, (feature) => feature.split(' ')[0]));
  return [
    ...Object.keys(new Counters()).filter((name) => !counters.has(name)),
    ...STATES.filter((state) => !features.has(state)),
  ];
}

if (PROGRAM === undefined) {
  const timeout = 60_000 + LONGEST * RUNS * MS_PER_RUN;
  test(`programs of seed ${SEED}: nothing breaks, and all there is is met`, { timeout }, () => {
    const fuzzer = new Fuzzer(SEED);
    for (let i = 0; i < RUNS; i++) fuzzer.step();
    // Another seed may need longer for the last of it.
    for (let i = RUNS; i < LONGEST * RUNS && notMet(fuzzer).length > 0; i++) fuzzer.step();
    expect(notMet(fuzzer)).toEqual([]);
  });
} else {
  test('the program that was given', () => {
    expect(run(Buffer.from(PROGRAM, 'hex')).size).toBeGreaterThan(0);
  });
}
