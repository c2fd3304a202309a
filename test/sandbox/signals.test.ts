/** A signal reaches the command once, whoever it was sent to. */

import { constants } from 'node:os';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Host, type HostOptions, type Installation, installHost } from './support/host.ts';

const { SIGUSR2 } = constants.signals;

let installation: Installation;
beforeAll(async () => {
  installation = await installHost();
});
afterAll(() => installation.remove());

/**
 * Prints each signal that it gets, and ends at SIGUSR2. It never sleeps for long: Perl runs a handler between two
 * operations, and a signal that comes just before a sleep waits for the end of it (perlipc(1), Deferred Signals).
 */
const LISTENER = `
  for my $name (qw(HUP INT QUIT TERM USR1 TSTP CONT WINCH)) { $SIG{$name} = sub { syswrite STDOUT, "$name\\n" } }
  $SIG{USR2} = sub { exit 7 };
  $| = 1; print "ready\\n";
  select undef, undef, undef, 0.05 while 1`;

/** A host that leads a process group of its own, whose command listens. */
async function listening(options: Partial<HostOptions> = {}): Promise<Host> {
  const host = new Host(installation, {
    command: ['perl', '-e', LISTENER],
    prefix: ['setsid'],
    passSignals: true,
    ...options,
  });
  await host.report('launched');
  host.tell({ kind: 'start' });
  await host.printed('ready\n');
  return host;
}

/** What the command got until it was told to end: signals that we pass on keep their order. */
async function gotByTheEnd(host: Host): Promise<string> {
  host.child.kill(SIGUSR2);
  expect((await host.report('exited')).code).toBe(7);
  await host.ended();
  return host.stdout.replace('ready\n', '');
}

describe('once', () => {
  const names = ['HUP', 'INT', 'QUIT', 'TERM', 'USR1', 'CONT', 'WINCH', 'TSTP'];

  test.each(names)('SIG%s sent to us alone', async (name) => {
    const host = await listening();
    host.child.kill(constants.signals[`SIG${name}` as 'SIGHUP']);
    await host.printed(`${name}\n`);
    expect(await gotByTheEnd(host)).toBe(`${name}\n`);
  });

  test.each(names)('SIG%s sent to the whole process group', async (name) => {
    const host = await listening();
    process.kill(-(host.child.pid ?? 0), `SIG${name}`);
    await host.printed(`${name}\n`);
    expect(await gotByTheEnd(host)).toBe(`${name}\n`);
  });

  test('one after the other, to us and to the group in turn', async () => {
    const host = await listening();
    let expected = 'ready\n';
    for (let round = 0; round < 20; round++) {
      const name = round % 3 === 0 ? 'TERM' : 'HUP';
      process.kill((host.child.pid ?? 0) * (round % 2 === 0 ? -1 : 1), `SIG${name}`);
      expected += `${name}\n`;
      await host.until(({ stdout }) => stdout.length >= expected.length || undefined);
      // Passed on after whatever came before: nothing is pending that a next one could merge with (signal(7)).
      host.child.kill('SIGWINCH');
      expected += 'WINCH\n';
      await host.until(({ stdout }) => stdout.length >= expected.length || undefined);
    }
    expect(`ready\n${await gotByTheEnd(host)}`).toBe(expected);
  });

  test('one that the command sends to its own group', async () => {
    const script = LISTENER.replace('select', 'kill("TERM", 0); select');
    const host = await listening({ command: ['perl', '-e', script] });
    await host.printed('TERM\n');
    expect(await gotByTheEnd(host)).toBe('TERM\n');
  });

  test('a command in a group of its own gets what is sent to ours', async () => {
    const host = await listening({ command: ['setsid', '--wait', 'perl', '-e', LISTENER] });
    process.kill(-(host.child.pid ?? 0), 'SIGTERM');
    await host.printed('TERM\n');
    expect(await gotByTheEnd(host)).toBe('TERM\n');
  });
});
