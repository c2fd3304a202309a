/** How silence is judged, on a clock of the test's. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { DEFAULT_LIMITS } from '../../../src/cluster/index.ts';
import { Heartbeat } from '../../../src/cluster/pipe/heartbeat.ts';

const { pingMs, pingsMissed, answerMs, suspectMs, cloggedMs } = DEFAULT_LIMITS;

let said: string[];
let state: { deaf: boolean; clogged: boolean };
let heartbeat: Heartbeat;

beforeEach(() => {
  vi.useFakeTimers();
  said = [];
  state = { deaf: false, clogged: false };
  heartbeat = new Heartbeat(DEFAULT_LIMITS, {
    ping: () => said.push('ping'),
    deaf: () => state.deaf,
    clogged: () => state.clogged,
    unanswered: () => said.push('unanswered'),
    dead: ({ message }) => {
      said.push(message);
      heartbeat.stop();
    },
  });
});

afterEach(() => {
  heartbeat.stop();
  vi.useRealTimers();
});

test('answered pings go on for ever', () => {
  for (let i = 0; i < 100; i++) {
    vi.advanceTimersByTime(pingMs);
    heartbeat.heard();
  }
  expect(said).toEqual(Array.from({ length: 100 }, () => 'ping'));
  expect(heartbeat.doubtful).toBe(false);
});

test('silence makes doubtful, then dead', () => {
  vi.advanceTimersByTime(pingMs);
  expect(heartbeat.doubtful).toBe(false);
  vi.advanceTimersByTime(pingMs);
  expect(heartbeat.doubtful).toBe(true);
  vi.advanceTimersByTime((pingsMissed - 1) * pingMs);
  expect(said).toEqual(['ping', 'ping', 'ping', 'the API server has been silent for 15 s']);
});

test('who does not read cannot hear', () => {
  state.deaf = true;
  vi.advanceTimersByTime(3_600_000);
  expect(said).toEqual([]);
  expect(heartbeat.doubtful).toBe(false);
});

test('a pod that does not read is borne, with the path alive, for its own time', () => {
  state.clogged = true;
  vi.advanceTimersByTime(cloggedMs);
  expect(said).toEqual(['ping', 'ping', 'ping']);
  expect(heartbeat.doubtful).toBe(true);
  heartbeat.heard();
  expect(heartbeat.doubtful).toBe(false);
  vi.advanceTimersByTime(cloggedMs + (pingsMissed + 2) * pingMs);
  expect(said.at(-1)).toMatch(/silent/);
});

test('and when the path breaks meanwhile, it is dead', () => {
  state.clogged = true;
  vi.advanceTimersByTime(cloggedMs / 2);
  state.clogged = false;
  vi.advanceTimersByTime(pingMs);
  expect(said.at(-1)).toMatch(/silent/);
});

test('a request without an answer, and without anything else, is moved', () => {
  heartbeat.expectAnswer();
  vi.advanceTimersByTime(answerMs - 1);
  heartbeat.heard();
  heartbeat.expectAnswer();
  vi.advanceTimersByTime(answerMs - 1);
  expect(said).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(said).toEqual(['unanswered']);
  expect(heartbeat.doubtful).toBe(true);
});

test('a suspect is asked at once, and has its time to answer', () => {
  heartbeat.suspect();
  expect(said).toEqual(['ping']);
  expect(heartbeat.doubtful).toBe(true);
  heartbeat.heard();
  expect(heartbeat.doubtful).toBe(false);
  vi.advanceTimersByTime(suspectMs);
  expect(said.filter((each) => each !== 'ping')).toEqual([]);
  heartbeat.heard();
  heartbeat.suspect();
  vi.advanceTimersByTime(suspectMs);
  expect(said.at(-1)).toBe('the API server has been silent for 5 s');
});
