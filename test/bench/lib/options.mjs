/** The options that all benchmarks have. */

import { parseArgs } from 'node:util';

const FULL_ROUNDS = 5;
const QUICK_ROUNDS = 2;

/**
 * @param usage what `--help` prints above the common options
 * @param own options of this benchmark alone, as `parseArgs` has them
 * @returns `rounds` and `seconds` (of one measurement) besides what was given
 */
export function benchOptions(usage, own = {}) {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      json: { type: 'string' },
      publish: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
      ...own,
    },
  });
  if (values.help) {
    console.log(`${usage}

  --quick         fewer and shorter runs: a look, not a figure to quote
  --rounds <n>    how often each is measured (${FULL_ROUNDS}; ${QUICK_ROUNDS} with --quick)
  --seconds <n>   length of one measurement of throughput or rate
  --json <file>   write the figures there as well
  --publish       write figures and drawing to docs/`);
    process.exit(0);
  }
  const { quick } = values;
  return {
    ...values,
    rounds: positive('rounds', values.rounds) ?? (quick ? QUICK_ROUNDS : FULL_ROUNDS),
    seconds: positive('seconds', values.seconds) ?? (quick ? 1 : 4),
  };
}

function positive(name, text) {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!(value > 0)) throw new RangeError(`--${name} is a positive number`);
  return value;
}
