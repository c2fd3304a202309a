/** The small tables of forwarding: what is remembered, for how long, and how much of it. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { gistOf, meaningOf } from '../../../src/cluster/forward/dial/error-text.ts';
import { HalfClosed } from '../../../src/cluster/forward/dial/half-closed.ts';
import { KnownGood } from '../../../src/cluster/forward/known-good.ts';
import { DEFAULT_LIMITS } from '../../../src/cluster/index.ts';

const wrapped = (text: string): string =>
  `error forwarding port 80 to pod 0a1b2c, uid : failed to execute portforward in network namespace "/var/run/netns/cni-1": ${text}`;

describe('half-closed connections', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'hrtime'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test('are finished after the silence, counted from the last sign of life', () => {
    const table = new HalfClosed({ ...DEFAULT_LIMITS, halfCloseSilenceMs: 10_000 });
    const finish = vi.fn();
    table.touch(finish);
    vi.advanceTimersByTime(9_000);
    table.touch(finish);
    vi.advanceTimersByTime(9_999);
    expect(finish).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(finish).toHaveBeenCalledOnce();
    vi.advanceTimersByTime(60_000);
    expect(finish).toHaveBeenCalledOnce();
  });

  test('past the bound, the most silent is finished early', () => {
    const table = new HalfClosed({ ...DEFAULT_LIMITS, halfClosedConnections: 2 });
    const [a, b, c] = [vi.fn(), vi.fn(), vi.fn()];
    table.touch(a);
    table.touch(b);
    vi.advanceTimersByTime(2_000);
    table.touch(a);
    table.touch(c);
    expect(b).toHaveBeenCalledOnce();
    expect(a).not.toHaveBeenCalled();
    expect(c).not.toHaveBeenCalled();
  });

  test('those that have just been active are spared', () => {
    const table = new HalfClosed({ ...DEFAULT_LIMITS, halfClosedConnections: 1 });
    const [a, b] = [vi.fn(), vi.fn()];
    table.touch(a);
    table.touch(b);
    expect(a).not.toHaveBeenCalled();
    table.forget(a);
    table.forget(b);
    vi.advanceTimersByTime(60_000);
    expect(a).not.toHaveBeenCalled();
    expect(b).not.toHaveBeenCalled();
  });
});

test('known good pods expire, and the oldest give way', () => {
  const known = new KnownGood(100);
  known.add('a', 0);
  expect(known.has('a', 99)).toBe(true);
  expect(known.has('a', 100)).toBe(false);
  for (let i = 0; i < 5_000; i++) known.add(`pod-${i}`, 0);
  expect(known.has('pod-0', 1)).toBe(false);
  expect(known.has('pod-4999', 1)).toBe(true);
});

describe('error texts of the runtimes', () => {
  test.each([
    [
      wrapped(
        'failed to connect to localhost:80 inside namespace "0a1b2c", IPv4: dial tcp4 127.0.0.1:80: connect: connection refused',
      ),
      'not-connected',
    ],
    ['error forwarding port 80 to pod x, uid : network namespace for sandbox "x" is closed', 'sandbox-gone'],
    [
      'error forwarding port 80 to pod x, uid : failed to find sandbox "x" in store: not found',
      'sandbox-gone',
    ],
    ['… exit status 1: socat E connect(5, AF=2 127.0.0.1:80, 16): Connection refused', 'not-connected'],
    [wrapped('read tcp4 127.0.0.1:1->127.0.0.1:80: read: connection reset by peer'), 'broken'],
    [wrapped('write tcp4 127.0.0.1:1->127.0.0.1:80: write: broken pipe'), 'broken'],
    ['context deadline exceeded', 'unknown'],
  ])('%s', (text, meaning) => {
    expect(meaningOf(text)).toBe(meaning);
  });

  test('are told without ids and paths', () => {
    expect(gistOf(wrapped('failed to connect to localhost:80 inside namespace "0a1b2c", IPv4: dial'))).toBe(
      'failed to connect to localhost:80, IPv4: dial',
    );
  });
});
