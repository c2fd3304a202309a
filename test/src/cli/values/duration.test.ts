import { expect, test } from 'vitest';
import { parseDuration } from '../../../../src/cli/values/duration.ts';

test.each([
  ['0', 0],
  ['60', 60_000],
  ['60s', 60_000],
  ['1m30s', 90_000],
  ['1.5h', 5_400_000],
  ['500ms', 500],
])('%s', (text, ms) => {
  expect(parseDuration(text, '--wait')).toBe(ms);
});

test.each(['', 's', '-1s', '1 s', '1d', '1m30', 'Infinity', '0x10', '1000h'])('%j is none', (text) => {
  expect(() => parseDuration(text, '--wait')).toThrowError(
    expect.objectContaining({ code: 'DURATION_INVALID', message: expect.stringContaining('--wait') }),
  );
});
