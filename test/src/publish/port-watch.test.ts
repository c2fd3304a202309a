/** How often open ports are looked at. */

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { monotonicMs } from '../../../src/monotonic.ts';
import { PortWatch } from '../../../src/publish/port-watch.ts';

let ports: string[];
let looks: number[];
let changes: string[][];
let failures: unknown[];
let watch: PortWatch<string[]>;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'hrtime'] });
  [ports, looks, changes, failures] = [[], [], [], []];
  watch = new PortWatch<string[]>([], {
    read: () => {
      looks.push(monotonicMs());
      return [...ports];
    },
    onChange: (now) => changes.push(now),
    onFailure: (error) => failures.push(error),
  });
});
afterEach(() => {
  watch.close();
  vi.useRealTimers();
});

const gaps = () => looks.slice(1).map((at, i) => Math.round(at - (looks[i] ?? 0)));

test('often at first, then four times a second; a change is told once', () => {
  vi.advanceTimersByTime(3_000);
  expect(gaps().at(0)).toBeLessThan(120);
  expect(gaps().at(-1)).toBe(250);
  expect(changes).toEqual([]);
  ports = ['80'];
  vi.advanceTimersByTime(250);
  expect(changes).toEqual([['80']]);
  looks = [];
  vi.advanceTimersByTime(1_000);
  expect(gaps().at(0)).toBeLessThan(120);
  expect(changes).toHaveLength(1);
});

test('what takes long to read is read seldom', () => {
  const slow = new PortWatch<number>(0, {
    read: () => {
      looks.push(monotonicMs());
      vi.advanceTimersByTime(10);
      return 0;
    },
    onChange: () => {},
    onFailure: () => {},
  });
  looks = [];
  watch.close();
  vi.advanceTimersByTime(5_000);
  slow.close();
  expect(Math.min(...gaps())).toBeGreaterThanOrEqual(1_000);
});

test('a look that fails is no end of it', () => {
  const read = vi.fn<() => string[]>().mockImplementationOnce(() => {
    throw new Error('ENOBUFS');
  });
  watch.close();
  watch = new PortWatch<string[]>([], {
    read: read.mockReturnValue(['80']),
    onChange: (now) => changes.push(now),
    onFailure: (error) => failures.push(error),
  });
  vi.advanceTimersByTime(500);
  expect(failures).toHaveLength(1);
  expect(changes).toEqual([['80']]);
});

test('nothing after it was closed, not even from within', () => {
  watch.close();
  watch = new PortWatch<string[]>([], {
    read: () => ['80'],
    onChange: (now) => {
      changes.push(now);
      watch.close();
    },
    onFailure: () => {},
  });
  vi.advanceTimersByTime(5_000);
  expect(changes).toHaveLength(1);
  expect(vi.getTimerCount()).toBe(0);
});
