/** Two long starts side by side: both, or nothing and one cause. */

import { EventEmitter, once } from 'node:events';
import { expect, test, vi } from 'vitest';
import { bothOrNeither } from '../../../src/session/both-or-neither.ts';

function closable() {
  return { close: vi.fn(() => Promise.resolve()) };
}

/** Fails as soon as it is given up, and not before. */
function untilGivenUp(abort: AbortSignal): Promise<never> {
  return new Promise((_, reject) => abort.addEventListener('abort', () => reject(new Error('given up'))));
}

test('both are handed over, and neither is closed', async () => {
  const [one, other] = [closable(), closable()];
  expect(await bothOrNeither(Promise.resolve(one), () => Promise.resolve(other))).toEqual([one, other]);
  expect([one.close, other.close].map((close) => close.mock.calls.length)).toEqual([0, 0]);
});

test('what was under way fails: the other is given up, and its own end is not the cause', async () => {
  const cause = new Error('no cluster');
  await expect(bothOrNeither(Promise.reject(cause), untilGivenUp)).rejects.toBe(cause);
});

test('what was under way fails too late to give the other up: it is closed first', async () => {
  const sandbox = closable();
  const cause = new Error('no cluster');
  const cluster = Promise.resolve().then(() => Promise.reject<typeof sandbox>(cause));
  await expect(bothOrNeither(cluster, () => Promise.resolve(sandbox))).rejects.toBe(cause);
  expect(sandbox.close).toHaveBeenCalledOnce();
});

test('what was started fails: a server that does not answer is not waited for, and closed once it does', async () => {
  const cluster = closable();
  const answers = new EventEmitter();
  const slow = once(answers, 'answer').then(() => cluster);
  const cause = new Error('no sandbox');
  await expect(bothOrNeither(slow, () => Promise.reject(cause))).rejects.toBe(cause);
  answers.emit('answer');
  await vi.waitFor(() => expect(cluster.close).toHaveBeenCalledOnce());
});

test('both fail: the first is the cause', async () => {
  const first = new Error('first');
  const second = new Promise<never>((_, reject) => setImmediate(() => reject(new Error('second'))));
  await expect(bothOrNeither(second, () => Promise.reject(first))).rejects.toBe(first);
});
