/** The options of a benchmark: those that all have, and its own. */

import { parseArgs } from 'node:util';

const FULL_ROUNDS = 5;
const QUICK_ROUNDS = 2;

const COMMON = {
  quick: { help: 'fewer and shorter runs: a look, not a figure to quote' },
  rounds: { value: 'n', help: `how often each is measured (${FULL_ROUNDS}; ${QUICK_ROUNDS} with --quick)` },
  seconds: { value: 'n', help: 'length of one measurement of throughput or rate' },
  json: { value: 'file', help: 'write the figures there as well' },
};

/**
 * @param name of the npm script
 * @param own options of this benchmark alone, each with its `help`, and what `value` to call what it takes, if anything
 * @returns `rounds` and `seconds` (of one measurement) besides what was given
 */
export function benchOptions(name, own = {}) {
  const all = { ...COMMON, ...own, help: { help: 'show this' } };
  const types = Object.entries(all).map(([option, { value }]) => [
    option,
    { type: value ? 'string' : 'boolean' },
  ]);
  const { values } = parseArgs({ options: Object.fromEntries(types) });
  if (values.help) {
    console.log(`npm run ${name} -- [options]\n\n${Object.entries(all).map(helpLine).join('\n')}`);
    process.exit(0);
  }
  const { quick } = values;
  return {
    ...values,
    rounds: positive('rounds', values.rounds) ?? (quick ? QUICK_ROUNDS : FULL_ROUNDS),
    seconds: positive('seconds', values.seconds) ?? (quick ? 1 : 4),
  };
}

function helpLine([option, { value, help }]) {
  return `  --${value ? `${option} <${value}>` : option}`.padEnd(24) + help;
}

function positive(name, text) {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!(value > 0)) throw new RangeError(`--${name} is a positive number`);
  return value;
}
