/** What a SPDY connection does to its pipe while a reader is stalled, read by read. */
import { expect, test, vi } from 'vitest';
import { DEFAULT_LIMITS } from '../../../src/cluster/index.ts';
import type { StreamOutcome } from '../../../src/cluster/forward/transport.ts';
import type { BytePipe } from '../../../src/cluster/pipe/pipe.ts';
import { SpdyConnection } from '../../../src/cluster/spdy/connection.ts';
import { FLAG_FIN, encodeDataHeader, encodePing } from '../../../src/cluster/spdy/frames.ts';

const calls: string[] = [];
const pipe: BytePipe = {
  write: (_head, _payload, done) => done?.(),
  pause: () => calls.push('pause'),
  resume: () => calls.push('resume'),
  pathIsAlive: () => true,
  end: () => calls.push('end'),
  destroy: () => calls.push('destroy'),
};

const ignore = (): void => {};

test('unread bytes are kept up to the bound, then the connection stops reading until half are gone', () => {
  const limits = { ...DEFAULT_LIMITS, unreadBytes: 100 };
  const connection = new SpdyConnection(() => pipe, limits, { onEased: () => {}, onClosed: () => {} });
  const read: number[] = [];
  const outcomes: StreamOutcome[] = [];
  const stream = connection.open(80, {
    onReply: () => {},
    onData: (chunk) => {
      read.push(chunk.length);
      if (read.length === 1) stream.pause();
    },
    onClosed: (outcome) => outcomes.push(outcome),
  });
  const data = (streamId: number, length: number, fin = 0): void => {
    connection.onData(encodeDataHeader(streamId, fin, length));
    if (length > 0) connection.onData(new Uint8Array(length));
  };

  stream.pause();
  data(3, 60);
  data(3, 40);
  expect([calls, connection.doubtful]).toEqual([[], false]);
  data(3, 1);
  expect([calls, connection.doubtful]).toEqual([['pause'], true]);

  stream.resume(); // and pauses again at its first chunk, with 41 left
  expect(read).toEqual([60]);
  expect([calls, connection.doubtful]).toEqual([['pause', 'resume'], false]);

  data(3, 0, 1);
  data(1, 0, 1);
  expect(outcomes).toEqual([]);
  connection.onClosed(undefined); // what has ended before is delivered all the same
  stream.resume();
  expect(read).toEqual([60, 40, 1]);
  expect(outcomes).toEqual([{ kind: 'ended' }]);
  expect(connection.streamCount).toBe(0);
});

test('a FIN whose error text may lie unread is told when the connection has been read on', () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  try {
    const limits = { ...DEFAULT_LIMITS, unreadBytes: 100, stalledMs: 60_000 };
    const connection = new SpdyConnection(() => pipe, limits, { onEased: () => {}, onClosed: () => {} });
    const outcomes: StreamOutcome[] = [];
    const stalled = connection.open(80, { onReply: ignore, onData: ignore, onClosed: ignore });
    connection.open(80, {
      onReply: ignore,
      onData: ignore,
      onClosed: (outcome) => outcomes.push(outcome),
    });
    connection.onData(encodeDataHeader(7, FLAG_FIN, 0));
    stalled.pause();
    connection.onData(encodeDataHeader(3, 0, 101));
    connection.onData(new Uint8Array(101));
    vi.advanceTimersByTime(10 * limits.streamPairCloseMs);
    expect(outcomes).toEqual([]);
    stalled.resume();
    connection.onData(encodeDataHeader(5, FLAG_FIN, 5));
    connection.onData(Buffer.from('reset'));
    expect(outcomes).toEqual([{ kind: 'failed', text: 'reset' }]);
    connection.onClosed(undefined);
  } finally {
    vi.useRealTimers();
  }
});

test('a ping interval that comes much too late makes the connection doubtful, not dead', () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  const now = vi.spyOn(Date, 'now').mockReturnValue(0);
  try {
    calls.length = 0;
    const events = { onEased: () => {}, onClosed: () => {} };
    const connection = new SpdyConnection(() => pipe, DEFAULT_LIMITS, events);
    now.mockReturnValue(8 * 3_600_000); // a night
    vi.advanceTimersByTime(DEFAULT_LIMITS.pingMs);
    expect([calls, connection.doubtful, connection.spent]).toEqual([[], true, false]);
    connection.onData(encodePing(1));
    expect(connection.doubtful).toBe(false);
  } finally {
    vi.useRealTimers();
    now.mockRestore();
  }
});
