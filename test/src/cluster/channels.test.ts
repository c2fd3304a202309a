/** A WebSocket for one connection: what keeps it alive, and what ends it. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ChannelConnection } from '../../../src/cluster/channels.ts';
import type { PodStream, StreamOutcome } from '../../../src/cluster/forward/transport.ts';
import { DEFAULT_LIMITS } from '../../../src/cluster/index.ts';
import type { PingablePipe } from '../../../src/cluster/pipe/pipe.ts';

const { pingMs, pingsMissed } = DEFAULT_LIMITS;
const SILENCE_MS = (pingsMissed + 1) * pingMs;

let calls: string[];
let pathIsAlive: boolean;
let connection: ChannelConnection;
let stream: PodStream;
let outcomes: StreamOutcome[];

beforeEach(() => {
  vi.useFakeTimers();
  calls = [];
  outcomes = [];
  pathIsAlive = true;
  const pipe: PingablePipe = {
    write: (_head, _payload, done) => done?.(),
    ping: () => calls.push('ping'),
    pause: () => calls.push('pause'),
    resume: () => calls.push('resume'),
    pathIsAlive: () => pathIsAlive,
    end: () => calls.push('end'),
    destroy: (cause) => connection.onClosed(cause),
  };
  const events = { onEased: () => {}, onClosed: () => calls.push('closed') };
  connection = new ChannelConnection(80, () => pipe, DEFAULT_LIMITS, events);
  stream = connection.open(80, {
    onReply: () => calls.push('reply'),
    onData: (chunk) => calls.push(`data ${Buffer.from(chunk).toString()}`),
    onClosed: (outcome) => outcomes.push(outcome),
  });
  connection.onData(Uint8Array.of(0, 80, 0), true);
  calls.length = 0;
});

afterEach(() => {
  connection.onClosed(undefined);
  vi.useRealTimers();
});

test('answered pings keep it for ever', () => {
  for (let i = 0; i < 100; i++) {
    vi.advanceTimersByTime(pingMs);
    connection.onPong();
  }
  expect(new Set(calls)).toEqual(new Set(['ping']));
  expect(outcomes).toEqual([]);
});

test('silence ends it', () => {
  vi.advanceTimersByTime(SILENCE_MS);
  expect(outcomes).toMatchObject([{ kind: 'lost', cause: { message: expect.stringContaining('silent') } }]);
  expect(calls.at(-1)).toBe('closed');
});

test('while its reader is paused nothing is heard, and nothing follows from that', () => {
  stream.pause();
  vi.advanceTimersByTime(100 * pingMs);
  expect(calls).toEqual(['pause']);
  stream.resume();
  vi.advanceTimersByTime(SILENCE_MS);
  expect(outcomes).toHaveLength(1);
});

test('a pod that does not read what it was sent is waited for, unless the path is dead', () => {
  stream.write(new Uint8Array(1 << 20), () => {});
  vi.advanceTimersByTime(10 * SILENCE_MS);
  expect(outcomes).toEqual([]);
  pathIsAlive = false;
  vi.advanceTimersByTime(pingMs);
  expect(outcomes).toHaveLength(1);
});

test('an error text is told after what has come before it', () => {
  connection.onData(Buffer.from('\0hello'), true);
  connection.onData(Buffer.from('\x01\x50\0refused'), true);
  connection.onClosed(undefined);
  expect(calls).toEqual(['data hello', 'closed']);
  expect(outcomes).toEqual([{ kind: 'failed', text: 'refused' }]);
});

test('a pod that is gone takes its stream along, after what may still come', () => {
  connection.podGone();
  connection.onData(Buffer.from('\0last words'), true);
  connection.podGone();
  vi.advanceTimersByTime(DEFAULT_LIMITS.podGoneMs);
  expect(calls).toEqual(['data last words', 'closed']);
  expect(outcomes).toMatchObject([{ kind: 'lost', cause: { message: 'the pod is gone' } }]);
});
