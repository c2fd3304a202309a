/** The scoreboard against one that keeps a note for each sequence number. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Delivery } from '../../../stack/tcp/flight/delivery.ts';
import { Scoreboard } from '../../../stack/tcp/flight/scoreboard.ts';

interface Note {
  sentAtMs: number;
  sacked: boolean;
  lost: boolean;
}

const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('send' as const), n: fc.integer({ min: 1, max: 20 }) }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('ack' as const), n: fc.nat(30) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('sack' as const),
      from: fc.nat(80),
      n: fc.integer({ min: 1, max: 30 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('repeat' as const), n: fc.integer({ min: 1, max: 40 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('timeout' as const, 'back' as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('detect' as const), n: fc.nat(20) }) },
);

test('whatever is sent, acknowledged, SACKed, lost and repeated', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), fc.constantFrom(0, 2 ** 31 - 50, -30), (steps, base) => {
      const board = new Scoreboard(base, 1024);
      const delivery = new Delivery();
      let notes: Note[] = [];
      let una = 0;
      let nowMs = 0;
      const at = (position: number): number => (base + position) | 0;
      for (const one of steps) {
        nowMs++;
        delivery.begin(nowMs, 0, Infinity);
        let delivered = 0;
        if (one.kind === 'send') {
          const end = una + notes.length + one.n;
          for (let i = 0; i < one.n; i++) notes.push({ sentAtMs: nowMs, sacked: false, lost: false });
          board.sent(at(end), nowMs);
        } else if (one.kind === 'ack') {
          const n = Math.min(one.n, notes.length);
          delivered = notes.slice(0, n).filter((note) => !note.sacked).length;
          notes = notes.slice(n);
          una += n;
          board.acknowledge(at(una), delivery);
        } else if (one.kind === 'sack') {
          const from = Math.min(one.from, notes.length);
          const to = Math.min(from + one.n, notes.length);
          for (const note of notes.slice(from, to)) {
            if (!note.sacked) delivered++;
            note.sacked = true;
            note.lost = false;
          }
          if (to > from) board.sack(at(una + from), at(una + to), delivery);
        } else if (one.kind === 'repeat') {
          const first = notes.findIndex((note) => note.lost);
          expect(board.lostBytes > 0).toBe(first >= 0);
          if (first < 0) continue;
          const index = board.firstLost();
          expect(board.startOf(index)).toBe(at(una + first));
          let run = 0;
          while (run < one.n && first + run < notes.length && notes[first + run].lost) run++;
          expect(board.lostRun(index, one.n)).toBe(run);
          board.retransmitted(index, run, nowMs);
          for (const note of notes.slice(first, first + run)) {
            Object.assign(note, { lost: false, sentAtMs: nowMs });
          }
        } else if (one.kind === 'detect') {
          const newest = nowMs - 1;
          board.detectLost(newest, at(una), one.n, nowMs);
          for (const note of notes) {
            if (!note.sacked && note.sentAtMs < newest && note.sentAtMs + one.n <= nowMs) note.lost = true;
          }
        } else if (one.kind === 'timeout') {
          const reneged = notes.length > 0 && notes[0].sacked;
          expect(board.forgetReneged()).toBe(reneged);
          for (const note of notes) {
            if (reneged) note.sacked = false;
            if (!note.sacked) note.lost = true;
          }
          board.loseAll();
        } else if (one.kind === 'back') {
          board.takeBackLost();
          for (const note of notes) note.lost = false;
        }
        expect(delivery.bytes).toBe(delivered);
        expect([board.bytes, board.sackedBytes, board.lostBytes]).toEqual([
          notes.length,
          notes.filter((note) => note.sacked).length,
          notes.filter((note) => note.lost).length,
        ]);
        expect(board.pipeBytes).toBe(notes.filter((note) => !note.sacked && !note.lost).length);
      }
    }),
    { numRuns: 400 },
  );
});

test('past its limit it joins transmissions, and its sums still hold', () => {
  const board = new Scoreboard(0, 8);
  const delivery = new Delivery();
  for (let i = 1; i <= 20; i++) board.sent(i * 10, i);
  expect([board.records, board.bytes]).toEqual([8, 200]);
  delivery.begin(30, 0, Infinity);
  board.sack(15, 25, delivery);
  expect([board.sackedBytes, delivery.bytes]).toEqual([0, 0]);
  board.sack(10, 30, delivery);
  expect([board.sackedBytes, board.pipeBytes]).toEqual([20, 180]);
  board.loseAll();
  board.acknowledge(200, delivery);
  expect([board.bytes, board.sackedBytes, board.lostBytes, delivery.bytes]).toEqual([0, 0, 0, 200]);
});
