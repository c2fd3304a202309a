/** Whom the search for what a guard has left behind finds, among real processes. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, fstatSync } from 'node:fs';
import { afterEach, expect, test } from 'vitest';
import { loadNative } from '../../sandbox/native/addon.ts';
import { endHolders } from '../../sandbox/process/orphans.ts';

const started: ChildProcess[] = [];
const opened: number[] = [];

afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
  for (const fd of opened.splice(0)) closeSync(fd);
});

/** A process that has these open as 3, 4, … */
function holder(...fds: number[]): ChildProcess {
  const child = spawn('sleep', ['1000'], { stdio: ['ignore', 'ignore', 'ignore', ...fds] });
  started.push(child);
  return child;
}

test('all that have the socket under the number end, stopped ones too, and nobody else', async () => {
  const { api } = await loadNative();
  const [sought, other] = api.socketPair();
  opened.push(sought, other);
  const holders = [holder(sought), holder(sought, other)];
  const others = [holder(other), holder(other, sought)];
  await Promise.all(started.map((child) => once(child, 'spawn')));
  holders[0]?.kill('SIGSTOP');
  const ends = Promise.all(holders.map((child) => once(child, 'exit')));
  endHolders(api, 3, fstatSync(sought).ino);
  expect(await ends).toEqual([
    [null, 'SIGKILL'],
    [null, 'SIGKILL'],
  ]);
  // A signal that was sent to them as well would end them before this one does.
  const otherEnds = Promise.all(others.map((child) => once(child, 'exit')));
  for (const child of others) child.kill('SIGTERM');
  expect(await otherEnds).toEqual([
    [null, 'SIGTERM'],
    [null, 'SIGTERM'],
  ]);
});
