/** Work in slices, on a clock that the test moves. */

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { SlicedWork } from '../../../../src/session/routing/sliced-work.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['hrtime', 'setTimeout'] });
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

const items = (count: number, from = 0) => Array.from({ length: count }, (_, i) => from + i);

/** Work of which each item takes so long. */
function work(msEach: number) {
  const done: number[] = [];
  const slices: number[] = [];
  let now = 0;
  vi.spyOn(process, 'hrtime').mockImplementation(() => [0, now * 1_000_000]);
  const sliced = new SlicedWork<number>(
    (item) => {
      done.push(item);
      now += msEach;
    },
    () => slices.push(done.length),
  );
  return { sliced, done, slices };
}

test('what takes no time is done at once, as one slice', () => {
  const { sliced, done, slices } = work(0);
  sliced.add(items(500));
  expect(done).toEqual(items(500));
  expect(slices).toEqual([500]);
});

test('of what takes longer, others have their turn in between, and the order is kept', () => {
  const { sliced, done, slices } = work(0.125);
  sliced.add(items(100));
  expect(slices).toEqual([16]);
  sliced.add(items(10, 100));
  expect(slices).toEqual([16]);
  for (const after of [32, 48, 64, 80, 96, 110]) {
    vi.advanceTimersToNextTimer();
    expect(slices.at(-1)).toBe(after);
  }
  expect(done).toEqual(items(110));
  expect(vi.getTimerCount()).toBe(0);
});

test('nothing to do is no slice', () => {
  const { sliced, slices } = work(0);
  sliced.add([]);
  expect(slices).toEqual([]);
});
