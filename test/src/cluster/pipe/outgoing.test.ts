import { Duplex } from 'node:stream';
import { expect, test } from 'vitest';
import { Outgoing, UNFRAMED } from '../../../../src/cluster/pipe/outgoing.ts';

/** A socket that takes what is written when it is told to, and keeps a copy of each write. */
class SlowSocket extends Duplex {
  readonly writes: string[] = [];
  #taken: ((error?: Error) => void) | undefined;

  constructor() {
    super({ decodeStrings: false });
    this.on('error', () => {});
  }

  override _read(): void {}

  override _write(chunk: Uint8Array, _encoding: string, callback: (error?: Error | null) => void): void {
    this.writes.push(Buffer.from(chunk).toString('latin1'));
    this.#taken = callback;
  }

  accept(error?: Error): void {
    const taken = this.#taken;
    this.#taken = undefined;
    taken?.(error);
  }
}

function open() {
  const socket = new SlowSocket();
  const outgoing = new Outgoing(socket, UNFRAMED);
  const done: string[] = [];
  const write = (text: string, payload?: string): void =>
    outgoing.write(0, Buffer.from(text), payload === undefined ? undefined : Buffer.from(payload), () =>
      done.push(text),
    );
  return { socket, outgoing, write, done };
}

const tick = () => new Promise(setImmediate);

test('what is written in one tick leaves as one', async () => {
  const { socket, write } = open();
  write('a', '1');
  write('b');
  expect(socket.writes).toEqual([]);
  await tick();
  expect(socket.writes).toEqual(['a1b']);
});

test('much is not held back for the end of the tick', () => {
  const { socket, write } = open();
  write('head ', 'x'.repeat(65_536));
  expect(socket.writes.map(({ length }) => length)).toEqual([65_541]);
});

test('what comes while the socket is busy is put together, and each is told when it was taken', async () => {
  const { socket, write, done } = open();
  write('a');
  await tick();
  write('b');
  write('c');
  await tick();
  expect(socket.writes).toEqual(['a']);
  expect(done).toEqual([]);
  socket.accept();
  await tick();
  expect(socket.writes).toEqual(['a', 'bc']);
  expect(done).toEqual(['a']);
  socket.accept();
  await tick();
  expect(done).toEqual(['a', 'b', 'c']);
});

test('one write has a bound, but for what is larger by itself', async () => {
  const { socket, write } = open();
  write('0');
  await tick();
  for (const letter of 'abcde') write(letter.repeat(100_000));
  write('f'.repeat(300_000));
  for (let i = 0; i < 5; i++) {
    socket.accept();
    await tick();
  }
  expect(socket.writes.map(({ length }) => length)).toEqual([1, 200_000, 200_000, 100_000, 300_000]);
  expect(socket.writes.join('')).toBe(
    `0${['a', 'b', 'c', 'd', 'e'].map((letter) => letter.repeat(100_000)).join('')}${'f'.repeat(300_000)}`,
  );
});

test('a buffer is used again for no other connection before it was taken', async () => {
  const [first, second] = [open(), open()];
  first.write('1'.repeat(100_000));
  second.write('2'.repeat(100_000));
  expect(new Set(first.socket.writes[0])).toEqual(new Set('1'));
  first.socket.accept();
  await tick();
  first.write('3'.repeat(100_000));
  await tick();
  expect(new Set(first.socket.writes[1])).toEqual(new Set('3'));
  expect(new Set(second.socket.writes[0])).toEqual(new Set('2'));
});

test('where the socket fails, all that waits is told', async () => {
  const { socket, write, done } = open();
  write('a');
  await tick();
  write('b');
  socket.destroy(new Error('cut'));
  socket.accept(new Error('cut'));
  await tick();
  write('c');
  await tick();
  await tick();
  expect(done).toEqual(['a', 'b', 'c']);
});

test('the end is told of once, when all was taken', async () => {
  const { socket, outgoing, write } = open();
  const told: string[] = [];
  write('a');
  outgoing.whenEmpty(() => told.push('empty'));
  await tick();
  expect(told).toEqual([]);
  socket.accept();
  await tick();
  await tick();
  expect(told).toEqual(['empty']);
});
