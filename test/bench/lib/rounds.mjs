/**
 * Contenders in turn, round by round: A B C, A B C, …
 *
 * A machine that others use, or that heats up, changes its speed from minute to
 * minute. What is compared has to be measured within the same one.
 */

import { summary } from './statistics.mjs';

/**
 * @param contenders anything with a `name`
 * @param measure `(contender, round) => Promise<Record<string, number>>`: named figures of one run; a figure
 *   that could not be taken is NaN, and stays out of the medians
 * @returns {Promise<Map<string, Record<string, ReturnType<typeof summary>>>>} by contender, then by figure
 */
export async function inTurn(contenders, rounds, measure) {
  const runs = new Map(contenders.map(({ name }) => [name, {}]));
  for (let round = 0; round < rounds; round++) {
    for (const contender of contenders) {
      const figures = await measure(contender, round);
      const kept = runs.get(contender.name);
      for (const [figure, value] of Object.entries(figures)) (kept[figure] ??= []).push(value);
    }
  }
  return new Map(
    [...runs].map(([name, figures]) => [
      name,
      Object.fromEntries(Object.entries(figures).map(([figure, values]) => [figure, summary(values)])),
    ]),
  );
}
