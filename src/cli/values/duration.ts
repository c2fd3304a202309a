/**
 * Durations as kubectl's options have them: Go's time.ParseDuration (`1m30s`,
 * `1.5h`, `500ms`), or a bare number of seconds.
 */

import { UsageError } from '../../errors.ts';

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
const WHOLE = /^(?:\d+(?:\.\d+)?(?:ms|s|m|h))+$/;
const PIECE = /(\d+(?:\.\d+)?)(ms|s|m|h)/g;
/** As far as Node's timers count (2^31 - 1 ms). */
const LONGEST_MS = 0x7fff_ffff;

/** @returns milliseconds. Throws `DURATION_INVALID`. */
export function parseDuration(text: string, option: string): number {
  const ms = inMs(text);
  if (ms === undefined || ms > LONGEST_MS) {
    throw new UsageError(
      'DURATION_INVALID',
      `${option}: "${text}" is no duration${ms === undefined ? '' : ' that can be waited for'}`,
      'give a number and a unit, as 500ms, 30s, 2m or 1h, 24 days at the most',
    );
  }
  return ms;
}

function inMs(text: string): number | undefined {
  if (/^\d+$/.test(text)) return Number(text) * 1000;
  if (!WHOLE.test(text)) return undefined;
  let total = 0;
  for (const [, number, unit] of text.matchAll(PIECE)) total += Number(number) * UNIT_MS[unit];
  return total;
}
