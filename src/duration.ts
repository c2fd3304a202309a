/**
 * Durations as kubectl's options have them: whole seconds, or what Go's
 * time.ParseDuration reads (`1m30s`, `1.5h`, `300ms`).
 */

const MS_PER_UNIT: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3, // U+00B5
  μs: 1e-3, // U+03BC
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
};
const PART = /(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g;
const WHOLE = new RegExp(`^\\+?(?:${PART.source})+$`);

/** The longest that Node's timers count: 24.8 days. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** @returns milliseconds, as far as timers count; undefined where it is no duration */
export function parseDuration(given: string): number | undefined {
  if (/^\+?\d+$/.test(given)) return Math.min(Number(given) * 1_000, LONGEST_TIMER_MS);
  if (!WHOLE.test(given)) return undefined;
  let sum = 0;
  for (const [, number, unit = ''] of given.matchAll(PART)) sum += Number(number) * (MS_PER_UNIT[unit] ?? 0);
  // Less than a millisecond is a time still, and not the 0 that may mean none.
  return sum > 0 ? Math.min(Math.max(1, Math.round(sum)), LONGEST_TIMER_MS) : 0;
}
