import { expect, test } from 'vitest';
import { ageText, bytesText, table } from '../../../../src/cli/values/table.ts';

test('columns are as wide as their widest cell, and rows may be short', () => {
  const rows = [['NAME', 'PID'], ['a', '12345'], ['long-name']];
  expect(table(rows)).toBe('NAME        PID\na           12345\nlong-name\n');
});

test.each([
  [0, '0s'],
  [59_999, '59s'],
  [60_000, '1m'],
  [3_600_000 * 5, '5h'],
  [86_400_000 * 400, '400d'],
])('an age of %d ms', (ms, text) => expect(ageText(ms)).toBe(text));

test.each([
  [0, '0 B'],
  [1_023, '1023 B'],
  [1_024, '1.0 KiB'],
  [1.5 * 2 ** 20, '1.5 MiB'],
  [2 ** 52, '4096.0 TiB'],
])('%d bytes', (bytes, text) => expect(bytesText(bytes)).toBe(text));
