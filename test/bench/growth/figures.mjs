/** Lines of figures, each with the goal that it has to meet. */

import { short, summary, withSpread } from '../lib/index.mjs';

/** @param goal the most that it may be, or with `least` the least; without, it stands for itself */
export function figure(name, values, unit, { most, least } = {}) {
  const all = summary([values].flat());
  const { median } = all;
  const goal = most ?? least;
  const met = goal === undefined ? undefined : most === undefined ? median >= goal : median <= goal;
  const verdict =
    met === undefined ? '' : `  ${met ? 'ok' : 'MISSED'}: ${most === undefined ? '>=' : '<='} ${short(goal)}`;
  console.log(`  ${name.padEnd(52)} ${withSpread(all)} ${unit}${verdict}`);
  return { name, unit, ...all, ...(goal === undefined ? {} : { goal, met }) };
}
