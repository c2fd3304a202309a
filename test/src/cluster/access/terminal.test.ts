/** The terminal, and those who want it. */
import { EventEmitter } from 'node:events';
import { expect, test } from 'vitest';
import { Terminal } from '../../../../src/cluster/access/credentials/plugin/terminal.ts';

/** Somebody who asks until there is an answer, or it is told to stop. */
function asking(terminal: Terminal, events: string[], name: string) {
  const answer = new EventEmitter<{ token: [string]; failure: [Error] }>();
  const lent = terminal.lend(async (signal) => {
    events.push(`${name} begins`);
    try {
      return await new Promise<string>((resolve, reject) => {
        answer.once('token', resolve).once('failure', reject);
        signal.addEventListener('abort', () => reject(new Error('ended')));
      });
    } finally {
      events.push(`${name} ends`);
    }
  });
  return { answer, lent };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

test('is lent to one after the other, whatever became of the one before', async () => {
  const terminal = new Terminal(() => true);
  const events: string[] = [];
  const [first, second] = [asking(terminal, events, 'first'), asking(terminal, events, 'second')];
  await turn();
  expect(events).toEqual(['first begins']);
  first.answer.emit('failure', new Error('wrong password'));
  await expect(first.lent).rejects.toThrow('wrong password');
  await turn();
  expect(events).toEqual(['first begins', 'first ends', 'second begins']);
  second.answer.emit('token', 'token');
  expect(await second.lent).toBe('token');
});

test('is nobody’s any more when it is released: who has it ends, who waits does without', async () => {
  const terminal = new Terminal(() => true);
  const events: string[] = [];
  const [first, second] = [asking(terminal, events, 'first'), asking(terminal, events, 'second')];
  await turn();
  terminal.release();
  expect(await Promise.all([first.lent, second.lent])).toEqual([undefined, undefined]);
  expect(events).toEqual(['first begins', 'first ends']);
  expect(terminal.released).toBe(true);
});

test('that is none is lent to nobody', async () => {
  const events: string[] = [];
  expect(await asking(new Terminal(() => false), events, 'one').lent).toBeUndefined();
  expect(events).toEqual([]);
});
