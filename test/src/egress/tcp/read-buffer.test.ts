import { expect, test } from 'vitest';
import { ReadBuffer } from '../../../../src/egress/tcp/read-buffer.ts';

/** Reads as a socket does: into what is given, then it asks for more. */
function reading(): { readonly read: (length: number) => number; readonly chunks: Uint8Array[] } {
  const chunks: Uint8Array[] = [];
  const options = new ReadBuffer((chunk) => chunks.push(chunk)).attach();
  const { buffer } = options;
  if (typeof buffer !== 'function') throw new Error('one buffer for all');
  let room = buffer();
  return {
    chunks,
    /** @returns the room that there was */
    read(length) {
      const { length: before } = room;
      const taken = Math.min(length, before);
      room.fill(chunks.length + 1, 0, taken);
      options.callback(taken, room);
      room = buffer();
      return before;
    },
  };
}

test('chunks never share bytes, and keep theirs', () => {
  const { read, chunks } = reading();
  for (let i = 0; i < 200; i++) read(1 + ((i * 7919) % 20_000));
  for (const [i, chunk] of chunks.entries())
    expect(chunk.every((byte) => byte === ((i + 1) & 255))).toBe(true);
});

test('small ones lie in one buffer', () => {
  const { read, chunks } = reading();
  for (let i = 0; i < 100; i++) read(100);
  expect(new Set(chunks.map(({ buffer }) => buffer)).size).toBe(1);
});

test('who fills buffers gets larger ones, up to a bound; who is quiet again a small one', () => {
  const { read } = reading();
  const rooms = Array.from({ length: 8 }, () => read(1 << 20));
  expect(rooms).toEqual([16, 32, 64, 128, 256, 256, 256, 256].map((kib) => kib << 10));
  read(10);
  expect(read(10)).toBe(16 << 10);
});
