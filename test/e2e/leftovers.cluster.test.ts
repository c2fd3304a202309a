/** What a run leaves behind: nothing, however it ends. And what it has while it runs: no privilege. */

import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, test } from 'vitest';
import { ordinaryUser } from '../support/ordinary-user.ts';
import { noneMarked, processesMarked } from '../support/processes.ts';
import { inSandbox, startProgram } from '../support/program.ts';

let runs = 0;
const newMark = () => `KNS_TEST_MARK=${process.pid}-${runs++}`;
const withMark = (mark: string) => Object.fromEntries([mark.split('=')]) as Record<string, string>;

/**
 * Files of the user in the places where a program may put temporary ones, and the mounts of the host.
 * What the suites that run beside this one make there is named `kns-…`; the program names nothing so.
 */
function hostState(): string[] {
  const folders = [tmpdir(), '/dev/shm', `/run/user/${ordinaryUser().uid}`];
  const { uid } = ordinaryUser();
  const files = folders
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => readdirSync(folder).map((name) => path.join(folder, name)))
    // Others make files there as well, and one may go between the listing and the look.
    .filter((file) => statSync(file, { throwIfNoEntry: false })?.uid === uid)
    .filter((file) => !path.basename(file).startsWith('kns-'));
  return [...files, ...readFileSync('/proc/self/mounts', 'utf8').split('\n')].sort();
}

async function start(script: string, mark: string) {
  const child = startProgram(['-n', 'e2e', '--', 'sh', '-c', script], { env: withMark(mark) });
  if (child.stdout === null) throw new Error('no pipe');
  const lines = createInterface({ input: child.stdout });
  return { child, closed: once(child, 'close'), firstLine: once(lines, 'line') };
}

describe('nothing is left', () => {
  test('after a command that leaves processes in the background', async () => {
    const mark = newMark();
    const before = hostState();
    const { code } = await inSandbox('sleep 1000 & (sleep 1000 &) ; exit 4', { env: withMark(mark) });
    expect(code).toBe(4);
    await noneMarked(mark);
    expect(hostState()).toEqual(before);
  });

  test('after SIGKILL of the program while its command runs', async () => {
    const mark = newMark();
    const before = hostState();
    const { child, closed, firstLine } = await start('echo up; sleep 1000 & sleep 1000', mark);
    await firstLine;
    expect(processesMarked(mark).length).toBeGreaterThan(3);
    child.kill('SIGKILL');
    await closed;
    await noneMarked(mark);
    expect(hostState()).toEqual(before);
  });

  test('after SIGKILL at any moment of its start', { timeout: 60_000 }, async () => {
    const mark = newMark();
    const before = hostState();
    for (let delay = 0; delay <= 300; delay += 12) {
      const { child, closed } = await start('sleep 1000', mark);
      // Time is what is varied here: the moments of a start have no event outside of it.
      const timer = setTimeout(() => child.kill('SIGKILL'), delay);
      await closed;
      clearTimeout(timer);
      expect(child.signalCode).toBe('SIGKILL');
      await noneMarked(mark);
    }
    expect(hostState()).toEqual(before);
  });

  test.each([
    ['SIGTERM', 143],
    ['SIGHUP', 129],
    // As it ended the command, so that a shell ends its loop.
    ['SIGINT', 'SIGINT'],
    ['SIGUSR1', 138],
  ] as const)('%s goes to the command, and ends all', async (signal, end) => {
    const mark = newMark();
    const { child, closed, firstLine } = await start('echo up; exec sleep 1000', mark);
    await firstLine;
    child.kill(signal);
    await closed;
    expect(child.exitCode ?? child.signalCode).toBe(end);
    await noneMarked(mark);
  });

  test('a signal that the command handles is the command alone', async () => {
    const { child, closed, firstLine } = await start(
      'trap "echo caught; exit 9" TERM; echo up; while :; do sleep 0.05; done',
      newMark(),
    );
    await firstLine;
    child.kill('SIGTERM');
    await closed;
    expect(child.exitCode).toBe(9);
  });
});

describe('no privilege', () => {
  test('no process has a capability, or another uid than the user; none is set-uid', async () => {
    const mark = newMark();
    const { child, closed, firstLine } = await start('sleep 1000 & echo up; sleep 1000', mark);
    await firstLine;
    const processes = processesMarked(mark);
    const { uid } = ordinaryUser();
    expect(processes.length).toBeGreaterThanOrEqual(5);
    for (const { pid, status } of processes) {
      expect(status['Uid'].split('\t')).toEqual(Array.from({ length: 4 }, () => String(uid)));
      expect([status['CapInh'], status['CapPrm'], status['CapEff'], status['CapAmb']]).toEqual(
        Array.from({ length: 4 }, () => '0000000000000000'),
      );
      expect(statSync(`/proc/${pid}/exe`).mode & 0o6000).toBe(0);
    }
    const inside = processes.filter(
      ({ command }) => command.startsWith('sleep') || command.startsWith('sh '),
    );
    expect(inside.length).toBeGreaterThanOrEqual(2);
    for (const { status } of inside) {
      expect(status['CapBnd']).toBe('0000000000000000');
      expect(status['NoNewPrivs']).toBe('1');
    }
    child.kill('SIGKILL');
    await closed;
    await noneMarked(mark);
  });
});
