/** What a console prints, read back: whole, cut off, and among the words of others; and the page that is made of it. */

import { expect, test } from 'vitest';
import { type Cell, complaints, resultOf, ROOT, scriptOf, USER } from './cell.ts';
import { page } from './page.ts';
import { format, type Line, parse } from './smoke/report.ts';

const FACTS: Line = {
  kind: 'facts',
  facts: {
    kernel: '5.4.0-26-generic',
    bubblewrap: 'bubblewrap 0.4.0',
    node: 'v20.19.0',
    program: '0.1.0',
    libc: 'ldd (Ubuntu GLIBC 2.31-0ubuntu9) 2.31',
    uid: 1000,
    cgroup: 'v2',
  },
};
const passed: Line = { kind: 'outcome', outcome: { check: 'names', ok: true, ms: 1 } };
const failed: Line = {
  kind: 'outcome',
  outcome: { check: 'a terminal', ok: false, ms: 1, reason: 'no size' },
};
const refused: Line = {
  kind: 'outcome',
  outcome: { check: 'tun is refused', ok: true, ms: 1, reason: 'TUN_MISSING' },
};

const cell: Cell = {
  section: 'Distributions',
  title: 'Some Linux',
  runs: [USER, ROOT],
  make: async () => '',
};

function printed(...lines: readonly Line[]): string {
  return lines.map(format).join('');
}

const WHOLE = printed(
  { kind: 'run', title: 'user' },
  FACTS,
  passed,
  refused,
  { kind: 'end' },
  { kind: 'run', title: 'root' },
  FACTS,
  passed,
  { kind: 'end' },
);

function read(text: string) {
  return resultOf(cell, parse(text), text);
}

test('each run has its own outcomes', () => {
  const result = read(WHOLE);
  expect(result.runs).toMatchObject([
    { title: 'user', isWhole: true, outcomes: [{ check: 'names' }, { check: 'tun is refused' }] },
    { title: 'root', isWhole: true, outcomes: [{ check: 'names' }] },
  ]);
  expect(complaints(result)).toEqual([]);
});

test('a serial console ends its lines in its own way, and has words of others on them', () => {
  const console = `[ 1.5] a driver\r\n${WHOLE.replaceAll('\n', '\r\r\n')}`.replace(
    'kns-matrix',
    '[ 2.5] kns-matrix',
  );
  expect(read(console)).toEqual(read(WHOLE));
});

test('a machine that stops half-way has not passed, and what it said is told', () => {
  const text = `${WHOLE.slice(0, -20)}\nKernel panic`;
  const result = read(text);
  expect(result.runs[1]).toMatchObject({ isWhole: false });
  expect(complaints(result)).toEqual([
    'root: it did not come to its end',
    expect.stringContaining('Kernel panic'),
  ]);
});

test('the page tells what passed, what is refused, and what failed', () => {
  const both = read(WHOLE.replace(format(passed), format(failed)));
  const text = page([
    { cell, result: read(WHOLE) },
    { cell: { ...cell, title: 'Another' }, result: both },
    {
      cell: { ...cell, title: 'A third' },
      result: { date: '2030-01-31', runs: [], missing: 'no such mirror' },
    },
    { cell: { ...cell, title: 'A fourth' }, result: undefined },
  ]);
  expect(text).toContain(
    '| Some Linux | 5.4.0 | 0.4.0 | 2.31 | v20.19.0 | user: 1 passed; tun is refused: `TUN_MISSING`<br>root: 1 passed |',
  );
  expect(text).toContain('user: **failed**: a terminal');
  expect(text).toContain('| A third | | | | | not tried: no such mirror | 2030-01-31 |');
  expect(text).toContain('| A fourth | | | | | not tried yet | |');
});

test('the shell of a cell announces each run before it', () => {
  const script = scriptOf(cell);
  expect(script.indexOf('"title":"user"')).toBeLessThan(script.indexOf('setpriv'));
  expect(script.indexOf('setpriv')).toBeLessThan(script.indexOf('"title":"root"'));
});
