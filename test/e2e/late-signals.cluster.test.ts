/** Signals that come when the command has ended, and the sandbox has not. */

import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { expect, test } from 'vitest';
import { noneMarked, processesMarked } from '../support/processes.ts';
import { startProgram } from '../support/program.ts';
import { until } from '../support/until.ts';

const MARK = 'KNS_TEST_MARK=late-int';

test('a second INT ends the program at once, whatever it still waits for', async () => {
  const script = 'echo started; exec sleep 1000';
  const child = startProgram(['-n', 'e2e', '--', 'sh', '-c', script], { env: { KNS_TEST_MARK: 'late-int' } });
  if (child.stdout === null) throw new Error('no pipe');
  const closed = once(child, 'close');
  await once(createInterface({ input: child.stdout }), 'line');
  const helper = processesMarked(MARK).find(({ command }) => command.includes('kns-netns'));
  if (helper === undefined) throw new Error('no helper');
  // It is told to end with the sandbox, and does not hear it.
  process.kill(helper.pid, 'SIGSTOP');
  try {
    child.kill('SIGINT');
    await until(async () => processesMarked(MARK).every(({ command }) => !command.startsWith('sleep')));
    expect([child.exitCode, child.signalCode]).toEqual([null, null]);
    // That the command has ended is known a moment later; till then a signal is meant for it.
    await until(async () => !child.kill('SIGINT') || child.signalCode !== null);
    await closed;
    expect(child.signalCode).toBe('SIGINT');
  } finally {
    process.kill(helper.pid, 'SIGCONT');
  }
  await noneMarked(MARK);
});
