/** The times that kubectl takes for --request-timeout. */
import { expect, test } from 'vitest';
import { parseRequestTimeout } from '../../../../src/cluster/access/duration.ts';

test.each<[string, number]>([
  ['0', 0],
  ['0s', 0],
  ['5', 5_000],
  ['+3', 3_000],
  ['5s', 5_000],
  ['1m30s', 90_000],
  ['1.5h', 5_400_000],
  ['.5m', 30_000],
  ['300ms', 300],
  ['7us', 1],
  ['1h1m1s1ms', 3_661_001],
  ['999999h', 2 ** 31 - 1],
])('%s', (given, ms) => {
  expect(parseRequestTimeout(given)).toBe(ms);
});

test.each(['', '-1', '-1s', 's', 'x', '5 s', '5d', '1s2', '1e3', '１s'])('%j is none', (given) => {
  expect(() => parseRequestTimeout(given)).toThrow(/is no time for a request/);
});
