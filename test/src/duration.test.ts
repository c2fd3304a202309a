import { expect, test } from 'vitest';
import { LONGEST_TIMER_MS, parseDuration } from '../../src/duration.ts';

test.each([
  ['0', 0],
  ['60', 60_000],
  ['+5s', 5_000],
  ['1m30s', 90_000],
  ['1.5h', 5_400_000],
  ['.5s', 500],
  ['500ms', 500],
  ['1500µs', 2],
  ['1ns', 1],
  ['0s', 0],
  ['10000h', LONGEST_TIMER_MS],
  ['99999999999', LONGEST_TIMER_MS],
])('%s', (text, ms) => {
  expect(parseDuration(text)).toBe(ms);
});

test.each(['', 's', '-1s', '1 s', '1d', '1m30', 'Infinity', '0x10'])('%j is none', (text) => {
  expect(parseDuration(text)).toBeUndefined();
});
