/** Turns of work that nobody waits for, on a clock that the test moves. */

import { setImmediate as settled } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Pace } from '../../src/cluster/pace.ts';
import { monotonicMs } from '../../src/monotonic.ts';
import { unhurried } from '../../src/slices.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['hrtime', 'setTimeout'] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** A job of so many slices, each noted. */
function job(name: string, slices: number, done: string[]): void {
  unhurried(() => {
    done.push(name);
    if (slices > 1) job(name, slices - 1, done);
  });
}

test('jobs take turns, one slice at a time', () => {
  const done: string[] = [];
  job('a', 3, done);
  job('b', 2, done);
  const seen: string[] = [];
  while (vi.getTimerCount() > 0) {
    vi.advanceTimersToNextTimer();
    seen.push(done.splice(0).join());
  }
  expect(seen).toEqual(['a', 'b', 'a', 'b', 'a']);
});

test('a slice that takes too long has its rest behind it, and one that throws does not end the others', () => {
  let overAt = Number.NaN;
  let nextAt = Number.NaN;
  unhurried(() => {
    vi.advanceTimersByTime(10);
    overAt = monotonicMs();
    throw new Error('of the slice');
  });
  unhurried(() => {
    nextAt = monotonicMs();
  });
  expect(() => vi.advanceTimersToNextTimer()).toThrow('of the slice');
  vi.advanceTimersToNextTimer();
  expect(nextAt - overAt).toBeGreaterThanOrEqual(3);
});

test('there is a rest before each, also where it is a promise that goes on', async () => {
  const started = monotonicMs();
  const at: number[] = [];
  const one = async (): Promise<void> => {
    const pace = new Pace('unhurried');
    for (let slice = 0; slice < 2; slice++) {
      vi.advanceTimersByTime(1);
      await pace.keep();
      at.push(monotonicMs() - started);
    }
  };
  const both = Promise.all([one(), one()]);
  while (vi.getTimerCount() > 0) {
    vi.advanceTimersToNextTimer();
    await settled();
  }
  await both;
  const rests = at.slice(1).map((ms, i) => ms - at[i]);
  expect(at).toHaveLength(4);
  expect(Math.min(...rests)).toBeGreaterThanOrEqual(3);
});
