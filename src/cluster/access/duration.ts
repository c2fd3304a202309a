/**
 * Durations as kubectl takes them for --request-timeout: whole seconds, or what
 * Go's time.ParseDuration reads ("1m30s", "1.5h", "300ms"); 0 for no limit.
 */
import { UsageError } from '../../errors.ts';

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
const MAX_MS = 2 ** 31 - 1;

/** @throws UsageError */
export function parseRequestTimeout(given: string): number {
  const ms = milliseconds(given);
  if (ms !== undefined) return Math.min(ms, MAX_MS);
  throw new UsageError(
    'REQUEST_TIMEOUT_INVALID',
    `"${given}" is no time for a request`,
    'give seconds, or a number with its unit: --request-timeout 30, 1m30s, 500ms; 0 for no limit',
  );
}

function milliseconds(given: string): number | undefined {
  if (/^\+?\d+$/.test(given)) return Number(given) * 1_000;
  if (!WHOLE.test(given)) return undefined;
  let sum = 0;
  for (const [, number, unit = ''] of given.matchAll(PART)) sum += Number(number) * (MS_PER_UNIT[unit] ?? 0);
  // Less than a millisecond is a limit still, and not the 0 that means none.
  return sum > 0 ? Math.max(1, Math.round(sum)) : 0;
}
