/** A remote stream as one of Node's, with a far end that obeys. */

import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { openDuplex, type RemoteDuplex } from '../../../src/relay/duplex.ts';
import { LINGER_TIMEOUT_MS } from '../../../src/relay/linger.ts';
import { type RemoteStream, RemoteStreamError, type RemoteStreamEvents } from '../../../src/relay/stream.ts';

/** Far more than either direction holds. */
const PLENTY = 4 << 20;

let events: RemoteStreamEvents;
let calls: string[];
let written: { chunk: Uint8Array; done: () => void }[];

const stream: RemoteStream = {
  write: (chunk, done) => void written.push({ chunk, done }),
  end: () => void calls.push('end'),
  pause: () => void calls.push('pause'),
  resume: () => void calls.push('resume'),
  destroy: () => void calls.push('destroy'),
};

beforeEach(() => {
  [calls, written] = [[], []];
});

function open(signal = new AbortController().signal): Promise<RemoteDuplex> {
  return openDuplex((given) => {
    events = given;
    return stream;
  }, signal);
}

async function established(): Promise<RemoteDuplex> {
  const opening = open();
  events.onEstablished();
  return opening;
}

test('it opens when the far end has taken the connection, and not before', async () => {
  let isOpen = false;
  const opening = open().then(() => (isOpen = true));
  await new Promise(setImmediate);
  expect(isOpen).toBe(false);
  events.onEstablished();
  await opening;
});

test('what is lent is given back at once, and is there whenever it is read', async () => {
  const memory = Buffer.alloc(3);
  const lending = { ...stream, reclaim: (held: number) => void (held === 0 && memory.fill('x')) };
  const opening = openDuplex((given) => {
    events = given;
    return lending;
  }, new AbortController().signal);
  events.onEstablished();
  const duplex = await opening;
  for (const word of ['one', 'two']) {
    memory.write(word);
    events.onData(memory);
    expect(memory.toString()).toBe('xxx');
  }
  events.onEnd();
  expect(await text(duplex)).toBe('onetwo');
});

test('bytes and ends both ways, and the remote stream is over with the second end', async () => {
  const duplex = await established();
  duplex.end('question');
  expect(written.map(({ chunk }) => String(chunk))).toEqual(['question']);
  expect(calls).toEqual([]);
  written[0]?.done();
  await once(duplex, 'finish');
  expect(calls).toEqual(['end']);
  events.onData(Buffer.from('answer'));
  events.onEnd();
  expect(await text(duplex)).toBe('answer');
  if (!duplex.closed) await once(duplex, 'close');
  expect(calls).toEqual(['end', 'destroy']);
});

test('the far end may end first', async () => {
  const duplex = await established();
  events.onEnd();
  await once(duplex.resume(), 'end');
  duplex.write('later');
  expect(written.map(({ chunk }) => String(chunk))).toEqual(['later']);
  expect(calls).toEqual([]);
});

test('who does not read holds the far end up, once, until it reads on', async () => {
  const duplex = await established();
  for (let i = 0; i < PLENTY; i += 65_536) events.onData(Buffer.alloc(65_536));
  expect(calls).toEqual(['pause']);
  let bytes = 0;
  const all = new Promise<void>((resolve) => {
    duplex.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes === PLENTY) resolve();
    });
  });
  await all;
  expect(calls).toEqual(['pause', 'resume']);
});

test('what the far end does not take holds the writer up, and waits in one piece of work', async () => {
  const duplex = await established();
  let blocks = 0;
  while (duplex.write(Buffer.alloc(65_536))) blocks += 1;
  expect(blocks).toBeLessThan(16);
  expect(written).toHaveLength(1);
  written[0]?.done();
  expect(written).toHaveLength(blocks + 1);
  const drained = once(duplex, 'drain');
  for (const { done } of written.slice(1)) done();
  await drained;
});

test.each(['refused', 'timeout'] as const)('%s before it opens is why it does not', async (reason) => {
  const opening = open();
  events.onError(new RemoteStreamError(reason, 'no'));
  await expect(opening).rejects.toMatchObject({ reason, message: 'no' });
});

test('what breaks later is an error', async () => {
  const duplex = await established();
  const failed = once(duplex, 'error');
  events.onError(new RemoteStreamError('reset', 'gone'));
  expect(await failed).toMatchObject([{ reason: 'reset', message: 'gone' }]);
});

test('what came before a reset is read first', async () => {
  const duplex = await established();
  events.onData(Buffer.from('answer'));
  events.onError(new RemoteStreamError('reset', 'gone'));
  expect(duplex).toMatchObject({ destroyed: false });
  const failed = once(duplex, 'error');
  const read: string[] = [];
  duplex.on('data', (chunk: Buffer) => read.push(String(chunk)));
  expect(await failed).toMatchObject([{ reason: 'reset', message: 'gone' }]);
  expect(read).toEqual(['answer']);
  expect(calls).toEqual(['destroy']);
});

test('who reads nothing of it for a minute does not keep it', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  const duplex = await established();
  events.onData(Buffer.from('answer'));
  events.onData(Buffer.from(', later'));
  events.onError(new RemoteStreamError('reset', 'gone'));
  vi.advanceTimersByTime(LINGER_TIMEOUT_MS - 1);
  expect(String(duplex.read(6))).toBe('answer');
  vi.advanceTimersByTime(LINGER_TIMEOUT_MS - 1);
  expect(duplex.destroyed).toBe(false);
  const failed = once(duplex, 'error');
  vi.advanceTimersByTime(1);
  expect(await failed).toMatchObject([{ reason: 'timeout', message: 'gone; what came before is not read' }]);
});

test('where the far end takes no more, nothing is taken for it', async () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const duplex = await established();
  duplex.write(Buffer.from('one'));
  for (const { done } of written) done();
  events.onBrokenPipe?.();
  duplex.write(Buffer.alloc(PLENTY));
  expect([written.length, duplex.writableNeedDrain]).toEqual([1, true]);
  const failed = once(duplex, 'error');
  vi.advanceTimersByTime(LINGER_TIMEOUT_MS);
  expect(await failed).toMatchObject([{ reason: 'timeout' }]);
});

test('another failure is one at once', async () => {
  const duplex = await established();
  events.onData(Buffer.from('answer'));
  const failed = once(duplex, 'error');
  events.onError(new RemoteStreamError('unreachable', 'gone'));
  expect(duplex.destroyed).toBe(true);
  await failed;
});

test('taken and lost in one turn is an error that is there to be seen', async () => {
  const opening = open();
  events.onEstablished();
  events.onError(new RemoteStreamError('reset', 'gone'));
  expect(await opening).toMatchObject({ errored: { message: 'gone' } });
});

test('the signal gives it up, and does nothing afterwards', async () => {
  const early = new AbortController();
  const opening = open(early.signal);
  early.abort(new Error('given up'));
  await expect(opening).rejects.toThrow('given up');
  expect(calls).toEqual(['destroy']);
  await expect(open(early.signal)).rejects.toThrow('given up');

  const late = new AbortController();
  const second = open(late.signal);
  events.onEstablished();
  late.abort();
  expect(await second).toMatchObject({ destroyed: false });
});

test('a reset destroys the remote stream, without an error', async () => {
  const duplex = await established();
  const closed = once(duplex, 'close');
  duplex.resetAndDestroy();
  await closed;
  expect(calls).toEqual(['destroy']);
});
