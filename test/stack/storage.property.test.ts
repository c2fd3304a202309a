/** The structures of stack/storage against slow models of themselves. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MAX_FRAME_PIECES, OutgoingFrame } from '../../stack/device.ts';
import { BLOCK_BYTES, BlockPool } from '../../stack/storage/block-pool.ts';
import { FlowTable } from '../../stack/storage/flow-table.ts';
import { RangeSet } from '../../stack/storage/range-set.ts';
import { ReceiveQueue } from '../../stack/storage/receive-queue.ts';
import { SendQueue } from '../../stack/storage/send-queue.ts';
import { type TimerEntry, TimerHeap } from '../../stack/storage/timer-heap.ts';
import { expectBytes, stream } from './harness/packets.ts';

test('a flow table is a Map', () => {
  const operation = fc.record({
    kind: fc.constantFrom('set', 'remove', 'find'),
    a: fc.nat(40),
    b: fc.nat(3),
  });
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 400 }), fc.integer(), (operations, seed) => {
      const table = new FlowTable<string>(3, seed);
      const map = new Map<string, string>();
      operations.forEach(({ kind, a, b }, i) => {
        table.key.set([a, b, a ^ b]);
        const name = `${a}/${b}`;
        if (kind === 'set') {
          table.set(`${name}#${i}`);
          map.set(name, `${name}#${i}`);
        } else if (kind === 'remove') {
          expect(table.remove()).toBe(map.delete(name));
        } else {
          expect(table.find()).toBe(map.get(name) ?? null);
        }
        expect(table.size).toBe(map.size);
      });
      expect([...table.values()].sort()).toEqual([...map.values()].sort());
    }),
  );
});

test('a range set is a set of positions, across the end of the number space too', () => {
  const range = fc.tuple(fc.nat(200), fc.integer({ min: 1, max: 30 }));
  fc.assert(
    fc.property(
      fc.array(range, { maxLength: 40 }),
      fc.constantFrom(0, -100, 2 ** 31 - 100),
      (ranges, base) => {
        const set = new RangeSet(6);
        const model = new Set<number>();
        for (const [from, length] of ranges) {
          const start = (base + from) | 0;
          const end = (start + length) | 0;
          const positions = Array.from({ length }, (_, i) => from + i);
          expect(set.overlaps(start, end)).toBe(positions.some((position) => model.has(position)));
          expect(set.contains(start, end)).toBe(positions.every((position) => model.has(position)));
          const fits = set.hasRoomFor(start, end);
          expect(set.insert(start, end)).toBe(fits);
          if (fits) for (const position of positions) model.add(position);
        }
        const runs: number[][] = [];
        for (const position of [...model].sort((a, b) => a - b)) {
          const last = runs.at(-1);
          if (last !== undefined && last[1] === position) last[1]++;
          else runs.push([position, position + 1]);
        }
        const seen = Array.from({ length: set.count }, (_, i) => [
          (set.start(i) - base) | 0,
          (set.end(i) - base) | 0,
        ]);
        expect(seen).toEqual(runs);
        const [first] = runs;
        if (first !== undefined) {
          expect((set.advance((base + first[0]) | 0) - base) | 0).toBe(first[1]);
          expect(set.count).toBe(runs.length - 1);
        }
      },
    ),
  );
});

test('received pieces in any order are the stream, and every block comes back', () => {
  const piece = fc.record({ from: fc.nat(200_000), length: fc.integer({ min: 1, max: 70_000 }) });
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 25 }), fc.nat(3), (pieces, greed) => {
      const total = 220_000;
      const whole = stream(0, total);
      const pool = new BlockPool(64 * BLOCK_BYTES, BLOCK_BYTES);
      const queue = new ReceiveQueue(pool);
      const ranges = new RangeSet(64);
      let next = 0;
      let read = 0;
      for (const { from, length } of [...pieces, { from: 0, length: total }]) {
        const start = Math.max(from, next);
        const end = Math.min(from + length, total);
        if (end > start) {
          expect(queue.write(start - next, whole, start, end - start)).toBe(end - start);
          ranges.insert(start, end);
          const reached = ranges.advance(next);
          queue.extend(reached - next);
          next = reached;
        }
        for (let reads = 0; reads < greed; reads++) {
          const chunk = queue.read();
          if (chunk === null) break;
          expectBytes(chunk, whole.subarray(read, read + chunk.length));
          read += chunk.length;
          queue.release(chunk.length);
          queue.trim(ranges.count > 0);
        }
        expect(queue.heldBytes).toBe(next - read);
      }
      for (let chunk = queue.read(); chunk !== null; chunk = queue.read()) {
        expectBytes(chunk, whole.subarray(read, read + chunk.length));
        read += chunk.length;
        queue.release(chunk.length);
      }
      queue.trim(false);
      expect([read, pool.blocksInUse]).toEqual([total, 0]);
    }),
    { numRuns: 60 },
  );
});

describe('a receive queue', () => {
  test('discarded does not give blocks back that are being read', () => {
    const pool = new BlockPool(8 * BLOCK_BYTES, 8 * BLOCK_BYTES);
    const queue = new ReceiveQueue(pool);
    queue.write(0, new Uint8Array(100_000).fill(7), 0, 100_000);
    queue.extend(100_000);
    const chunk = queue.read();
    queue.discard();
    expect(pool.blocksInUse).toBe(0);
    for (let i = 0; i < 4; i++) pool.take(false)?.fill(9);
    expect(chunk?.every((byte) => byte === 7)).toBe(true);
  });

  test('keeps what there are blocks for, and knows how much that is', () => {
    const pool = new BlockPool(8 * BLOCK_BYTES, 0);
    const [hog, other, third] = [1, 2, 3].map(() => new ReceiveQueue(pool));
    const bytes = new Uint8Array(8 * BLOCK_BYTES);
    expect([hog.roomBytes, hog.write(0, bytes, 0, bytes.length)]).toEqual([7 * BLOCK_BYTES, 7 * BLOCK_BYTES]);
    hog.extend(7 * BLOCK_BYTES - 10);
    expect([hog.roomBytes, hog.write(0, bytes, 0, 100)]).toEqual([10, 10]);
    // The last block is for a first one.
    expect([other.roomBytes, other.write(0, bytes, 0, bytes.length)]).toEqual([BLOCK_BYTES, BLOCK_BYTES]);
    expect([third.roomBytes, third.write(0, bytes, 0, 1)]).toEqual([0, 0]);
    hog.discard();
    expect([other.roomBytes, third.roomBytes]).toEqual([7 * BLOCK_BYTES, 6 * BLOCK_BYTES]);
  });

  test('refuses to release more than was read', () => {
    const queue = new ReceiveQueue(new BlockPool(BLOCK_BYTES, 0));
    expect(() => queue.release(1)).toThrow(RangeError);
  });
});

function gathered(frame: OutgoingFrame): number[] {
  const bytes: number[] = [];
  for (let i = 0; i < frame.pieceCount; i++) {
    const start = frame.pieceOffset[i];
    bytes.push(...frame.pieces[i].subarray(start, start + frame.pieceLength[i]));
  }
  return bytes;
}

test('a send queue is a list of bytes with a head and a cursor', () => {
  const step = fc.record({
    kind: fc.constantFrom('push', 'send', 'ack', 'again'),
    n: fc.integer({ min: 1, max: 60 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const queue = new SendQueue();
      const frame = new OutgoingFrame();
      let bytes: number[] = [];
      let sent = 0;
      let written = 0;
      for (const { kind, n } of steps) {
        if (kind === 'push') {
          const chunk = stream(written, n);
          written += n;
          queue.push(chunk);
          bytes.push(...chunk);
        } else if (kind === 'send') {
          const length = queue.gatherUnsent(frame, n);
          expect(gathered(frame)).toEqual(bytes.slice(sent, sent + length));
          expect(length === Math.min(n, bytes.length - sent) || frame.pieceCount === MAX_FRAME_PIECES).toBe(
            true,
          );
          queue.advance(length);
          sent += length;
        } else if (kind === 'again') {
          const offset = n % (sent + 1);
          const length = queue.gatherSent(frame, offset, n);
          expect(gathered(frame)).toEqual(bytes.slice(offset, offset + length));
          expect(length).toBeLessThanOrEqual(sent - offset);
        } else {
          const length = Math.min(n, sent);
          queue.acknowledge(length);
          bytes = bytes.slice(length);
          sent -= length;
        }
        expect([queue.bytes, queue.sentBytes]).toEqual([bytes.length, sent]);
      }
    }),
  );
});

test('a timer heap pops by time, whatever was moved or removed', () => {
  const step = fc.tuple(fc.constantFrom('wake', 'remove', 'pop'), fc.nat(15), fc.nat(1000));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const heap = new TimerHeap<TimerEntry>();
      const entries = Array.from({ length: 16 }, (): TimerEntry => ({ timerAt: Infinity, timerIndex: -1 }));
      const model = entries.map(() => Infinity);
      for (const [kind, index, at] of steps) {
        if (kind === 'wake') {
          heap.wake(entries[index], at);
          model[index] = Math.min(model[index], at);
        } else if (kind === 'remove') {
          heap.remove(entries[index]);
          model[index] = Infinity;
        } else {
          const earliest = Math.min(...model);
          const popped = heap.popDue(at);
          expect(popped === null).toBe(earliest > at);
          if (popped !== null) {
            expect(model[entries.indexOf(popped)]).toBe(earliest);
            model[entries.indexOf(popped)] = Infinity;
          }
        }
        expect(heap.earliestMs).toBe(Math.min(...model));
      }
    }),
  );
});
