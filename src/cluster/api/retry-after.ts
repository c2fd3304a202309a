/**
 * What a busy server asks for: to be asked again later.
 *
 * API Priority and Fairness answers 429 with Retry-After, a server that starts
 * or stops 503. A request that changes nothing is sent again then, a few times
 * and within a bounded time; an answer that asks for more is final.
 */
import type http from 'node:http';

const MAX_ATTEMPTS = 5;
const MAX_WAIT_MS = 10_000;

/** @returns undefined where the answer is final */
export function retryDelayMs(response: http.IncomingMessage, attempt: number): number | undefined {
  const { statusCode, headers } = response;
  if ((statusCode !== 429 && statusCode !== 503) || attempt >= MAX_ATTEMPTS) return undefined;
  const asked = headers['retry-after'];
  if (asked === undefined) return undefined;
  // RFC 9110 section 10.2.3: seconds, or a date.
  const waitMs = /^\d+$/.test(asked) ? Number(asked) * 1_000 : Date.parse(asked) - Date.now();
  return waitMs <= MAX_WAIT_MS ? Math.max(0, waitMs) : undefined;
}
