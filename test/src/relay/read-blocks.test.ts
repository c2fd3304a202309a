import { expect, test } from 'vitest';
import { IdleBlocks, ReadBlocks } from '../../../src/relay/read-blocks.ts';

/** Reads as a stream does, each byte of a chunk with the chunk's number. */
function reading(idle = new IdleBlocks()) {
  const blocks = new ReadBlocks(idle);
  let number = 0;
  return {
    blocks,
    read: (length: number) => {
      const { block, offset } = blocks;
      const taken = Math.min(length, block.length - offset);
      number++;
      block.fill(number, offset, offset + taken);
      return { chunk: blocks.took(taken), number: number & 255, room: block.length - offset };
    },
  };
}

test('what is looked at is never read over, whatever is reclaimed when', () => {
  const { blocks, read } = reading();
  const held: ReturnType<typeof read>[] = [];
  let heldBytes = 0;
  for (let i = 0; i < 1000; i++) {
    const one = read(1 + ((i * 7919) % 40_000));
    held.push(one);
    heldBytes += one.chunk.length;
    // Looked at for the last time when it is let go.
    for (const { chunk, number } of held.splice(0, Math.max(0, held.length - ((i * 31) % 12)))) {
      heldBytes -= chunk.length;
      expect(Buffer.from(chunk).equals(Buffer.alloc(chunk.length, number))).toBe(true);
    }
    if (i % 3 === 0) blocks.reclaim(heldBytes);
    if (i % 5 === 0) blocks.rest();
  }
});

test('blocks that are reclaimed are read to again', () => {
  const { blocks, read } = reading();
  const seen = new Set<ArrayBufferLike>();
  for (let i = 0; i < 100; i++) {
    seen.add(read(1 << 20).chunk.buffer);
    blocks.reclaim(0);
  }
  expect(seen.size).toBe(2); // the small one that it began with, and a large one
});

test('what is never reclaimed is its receiver’s, and waited for no longer', () => {
  const { blocks, read } = reading();
  const seen = new Set<ArrayBufferLike>();
  for (let i = 0; i < 100; i++) seen.add(read(1 << 20).chunk.buffer);
  expect(seen.size).toBe(100);
  blocks.reclaim(0);
  const again = new Set<ArrayBufferLike>();
  for (let i = 0; i < 100; i++) again.add(read(1 << 20).chunk.buffer);
  const reused = [...again].filter((buffer) => seen.has(buffer)).length;
  expect(reused).toBeGreaterThan(0);
  expect(reused).toBeLessThan(20);
});

test('bytes that lie elsewhere are read whole, and may be written over afterwards', () => {
  const blocks = new ReadBlocks(new IdleBlocks());
  const source = new Uint8Array(64 << 10);
  const chunks: Uint8Array[] = [];
  const expected: Uint8Array[] = [];
  for (let i = 0; i < 50; i++) {
    const bytes = source.subarray(0, 1 + ((i * 7919) % source.length)).fill(i);
    expected.push(bytes.slice());
    blocks.copy(bytes, (chunk) => chunks.push(chunk));
  }
  expect(Buffer.concat(chunks).equals(Buffer.concat(expected))).toBe(true);
});

test('a short chunk is a copy, and its stream rests without a block', () => {
  const idle = new IdleBlocks();
  const [one, other] = [reading(idle), reading(idle)];
  const { chunk, number } = one.read(64);
  one.blocks.rest();
  other.read(1 << 20);
  expect(chunk.every((byte) => byte === number)).toBe(true);
  expect(chunk.buffer.byteLength).toBe(64);
});

test('who fills a block gets larger ones; who is quiet again a small one', () => {
  const { blocks, read } = reading();
  const rooms = [1 << 20, 1 << 20, 10].map((length) => read(length).room);
  blocks.reclaim(0);
  blocks.rest();
  expect([...rooms, read(10).room].map((room) => room >> 10)).toEqual([16, 256, 256, 16]);
});
