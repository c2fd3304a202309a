/** The time that --request-timeout gives each request; 0 for no limit, as for kubectl. */
import { parseDuration } from '../../duration.ts';
import { UsageError } from '../../errors.ts';

/** @throws UsageError */
export function parseRequestTimeout(given: string): number {
  const ms = parseDuration(given);
  if (ms !== undefined) return ms;
  throw new UsageError(
    'REQUEST_TIMEOUT_INVALID',
    `"${given}" is no time for a request`,
    'give seconds, or a number with its unit: --request-timeout 30, 1m30s, 500ms; 0 for no limit',
  );
}
