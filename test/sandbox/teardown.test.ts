/** However it ends, nothing is left: no process, no mount, no file, no fd. */

import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { findBwrap } from '../../sandbox/bwrap.ts';
import { FD } from '../../sandbox/process/guard.ts';
import { noneMarked, processesMarked } from '../support/processes.ts';
import { until } from '../support/until.ts';
import { Host, type HostOptions, type Installation, installHost } from './support/host.ts';
import type { HostReport } from './support/protocol.ts';

let installation: Installation;
let home: string;
let run = 0;
let mark: string;

beforeAll(async () => {
  installation = await installHost();
});
afterAll(() => installation.remove());

beforeEach(() => {
  mark = `KNS_TEST_MARK=teardown-${process.pid}-${run++}`;
  home = mkdtempSync(join(tmpdir(), 'kns-home-'));
  chmodSync(home, 0o777);
});
afterEach(() => rmSync(home, { recursive: true }));

/** A host whose processes are marked, and whose temporary files and state would all land in one folder. */
function markedHost(options: Partial<HostOptions> = {}): Host {
  const [name = '', value = ''] = mark.split('=');
  return new Host(installation, {
    command: ['sh', '-c', 'echo ready; sleep 1000 & sleep 1000'],
    ...options,
    hostEnv: {
      [name]: value,
      HOME: home,
      TMPDIR: home,
      XDG_CACHE_HOME: home,
      XDG_RUNTIME_DIR: home,
      ...options.hostEnv,
    },
  });
}

async function expectNothingLeft(): Promise<void> {
  await noneMarked(mark);
  expect(readdirSync(home)).toEqual([]);
  expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain('kns-etc');
}

function marked(which: RegExp): number[] {
  const processes = processesMarked(mark).filter(({ command }) => which.test(command));
  return processes.map(({ pid }) => pid);
}

async function kill(host: Host): Promise<void> {
  host.child.kill('SIGKILL');
  await host.ended();
}

describe('SIGKILL of the host', () => {
  test('at the start of the set-up and at each step of some milliseconds of it', async () => {
    // The launch is reported after about this time on a fast machine; a slow one is caught earlier in it.
    for (let delayMs = 0; delayMs < 200; delayMs += 10) {
      const host = markedHost();
      await new Promise((resolve) => setTimeout(resolve, delayMs));
      await kill(host);
      await expectNothingLeft();
    }
  });

  test('when the sandbox stands and the command has not started: it never does', async () => {
    const host = markedHost({ command: ['sh', '-c', `echo ran > ${home}/ran`] });
    await host.report('launched');
    await kill(host);
    await expectNothingLeft();
  });

  test('while the command runs', async () => {
    const host = markedHost();
    await host.report('launched');
    host.tell({ kind: 'start' });
    await host.printed('ready');
    expect(processesMarked(mark).length).toBeGreaterThanOrEqual(5);
    await kill(host);
    await expectNothingLeft();
  });

  test('while all of the sandbox is stopped, as by Ctrl-Z', async () => {
    const host = markedHost();
    await host.report('launched');
    host.tell({ kind: 'start' });
    await host.printed('ready');
    for (const { pid } of processesMarked(mark)) if (pid !== host.child.pid) process.kill(pid, 'SIGSTOP');
    await kill(host);
    await expectNothingLeft();
  });
});

describe('SIGKILL of another of our processes', () => {
  test.each([
    ['the guard', / guard /],
    ['bubblewrap outside', /^\S*bwrap /],
  ])('%s', async (_, which) => {
    const host = markedHost();
    await host.report('launched');
    host.tell({ kind: 'start' });
    await host.printed('ready');
    const [first] = marked(which).sort((one, other) => one - other);
    process.kill(first ?? 0, 'SIGKILL');
    expect((await host.report('exited')).code).toBe(137);
    await host.ended();
    await expectNothingLeft();
  });
});

function isSettled({ kind }: HostReport): boolean {
  return kind === 'launched' || kind === 'failed';
}

/** Some faults leave the sandbox running, and it is closed then. */
async function endAnyway(host: Host): Promise<void> {
  const first = await host.until(({ reports, child }) =>
    child.signalCode === null ? reports.find(isSettled) : 'killed',
  );
  if (first === 'killed' || first.kind === 'failed') return;
  host.tell({ kind: 'start' });
  host.tell({ kind: 'close' });
}

const stages = ['spawned', 'unshared', 'linked', 'ready', 'furnished', 'started', 'closing'] as const;

describe('SIGKILL after each step', () => {
  const victims = ['host', 'guard', 'bubblewrap', 'init', 'helper'] as const;
  /** These are not there yet: bubblewrap is started by the guard, and init by bubblewrap. */
  const absent = new Set(['spawned of bubblewrap', 'spawned of init', 'unshared of init', 'linked of init']);

  test.each(stages.flatMap((stage) => victims.map((victim) => [stage, victim] as const)))(
    '%s of %s',
    async (stage, victim) => {
      const host = markedHost({ fault: { stage, victim, signal: 'SIGKILL' } });
      await endAnyway(host);
      await host.ended();
      const struck = host.reports.find((report) => report.kind === 'struck');
      // A host that kills itself tells nothing any more.
      if (victim !== 'host' && !absent.has(`${stage} of ${victim}`)) expect(struck?.count).toBeGreaterThan(0);
      // What it meets is told, or is a command that was ended; nothing is a bug.
      if (victim === 'host') expect(host.child.signalCode).toBe('SIGKILL');
      else expect(host.reports.at(-1)?.kind).toMatch(/^(failed|exited)$/);
      expect(host.stderr).toBe('');
      await expectNothingLeft();
    },
  );
});

describe('SIGSTOP', () => {
  const victims = ['guard', 'bubblewrap', 'init', 'helper'] as const;

  // What waits for one that is stopped waits 5 s: all of these at the same time.
  test('of any, after each step: the end comes in bounded time', { timeout: 60_000 }, async () => {
    const cases = stages.flatMap((stage) => victims.map((victim) => ({ stage, victim })));
    const marks = cases.map(({ stage, victim }) => `${mark}-${stage}-${victim}`);
    await Promise.all(
      cases.map(async ({ stage, victim }, i) => {
        // With a mark of its own, by which it finds its victim.
        const hostEnv = { KNS_TEST_MARK: marks[i]?.split('=')[1] ?? '' };
        const host = markedHost({ fault: { stage, victim, signal: 'SIGSTOP' }, hostEnv });
        if (stage === 'started' || stage === 'closing') await host.report('launched');
        if (stage === 'started') host.tell({ kind: 'start' });
        if (stage !== 'closing') await host.report('struck');
        host.tell({ kind: 'close' });
        await host.ended();
        expect([stage, victim, host.stderr]).toEqual([stage, victim, '']);
        expect(host.reports.at(-1)?.kind).toMatch(/^(failed|exited)$/);
      }),
    );
    for (const each of marks) await noneMarked(each);
    await expectNothingLeft();
  });

  /** A host whose command runs, and one of whose processes is stopped then. */
  async function stopped(victim: (typeof victims)[number]): Promise<Host> {
    const host = markedHost({
      command: ['sh', '-c', 'trap "exit 9" INT; echo ready; while :; do sleep 0.05; done'],
      passSignals: true,
      fault: { stage: 'started', victim, signal: 'SIGSTOP' },
    });
    await host.report('launched');
    host.tell({ kind: 'start' });
    await host.report('struck');
    return host;
  }

  test.each(['guard', 'bubblewrap', 'helper'] as const)(
    'of the %s: the command ends by an INT, and all else in bounded time, with its code',
    async (victim) => {
      const host = await stopped(victim);
      await host.printed('ready');
      host.child.kill('SIGINT');
      expect((await host.report('exited')).code).toBe(9);
      await host.ended();
      await expectNothingLeft();
    },
  );

  test('of init, which alone knows the code: the same, with 137', async () => {
    const host = await stopped('init');
    await host.printed('ready');
    host.child.kill('SIGINT');
    expect((await host.report('exited')).code).toBe(137);
    await host.ended();
    await expectNothingLeft();
  });

  test.each(['guard', 'bubblewrap'] as const)('of the %s: a second INT does not wait', async (victim) => {
    const host = await stopped(victim);
    await host.printed('ready');
    host.child.kill('SIGINT');
    // Whether the command has ended already is not told; an INT that comes before is one more for its trap.
    const again = setInterval(() => host.child.kill('SIGINT'), 100);
    const from = performance.now();
    expect((await host.report('exited')).code).toBe(9);
    clearInterval(again);
    expect(performance.now() - from).toBeLessThan(4_000);
    await host.ended();
    await expectNothingLeft();
  });
});

describe('the guard', () => {
  test('ends what bubblewrap left behind unarmed when the host is killed', async () => {
    // Stands for bubblewrap killed between its clone and its child's PR_SET_PDEATHSIG.
    const folder = join(home, 'bin');
    mkdirSync(folder);
    writeFileSync(
      join(folder, 'bwrap'),
      '#!/bin/sh\nsetsid sh -c "sleep 1000" & echo left >&3\nexec sleep 1000\n',
    );
    chmodSync(join(folder, 'bwrap'), 0o755);
    const host = markedHost({ hostEnv: { PATH: `${folder}:${process.env['PATH']}` } });
    await host.until(({ stderr }) => stderr.includes('left') || undefined);
    await kill(host);
    rmSync(folder, { recursive: true });
    await expectNothingLeft();
  });
});

/**
 * A bubblewrap that stays between its clone and the word on which its child goes on and arms itself: what it
 * writes to its info-fd meanwhile goes to a pipe that is full.
 */
function heldBubblewrap(): string {
  const folder = join(home, 'bin');
  const script = [
    '#!/bin/sh',
    `mkfifo ${folder}/full`,
    `exec ${FD.info}<>${folder}/full`,
    `head -c 65536 /dev/zero >&${FD.info}`,
    `exec ${findBwrap()} "$@"`,
  ];
  mkdirSync(folder);
  writeFileSync(join(folder, 'bwrap'), `${script.join('\n')}\n`);
  for (const path of [folder, join(folder, 'bwrap')]) chmodSync(path, 0o777);
  return folder;
}

/** A host whose bubblewrap has cloned its child, and gets no further. */
async function heldHost(options: Partial<HostOptions>): Promise<Host> {
  const host = markedHost({ ...options, hostEnv: { PATH: `${heldBubblewrap()}:${process.env['PATH']}` } });
  await until(async () => marked(/^\S*bwrap /).length === 2);
  return host;
}

async function expectEnded(host: Host): Promise<void> {
  // Not before everybody has closed its output.
  await host.ended();
  expect(host.stderr).toBe('');
  rmSync(join(home, 'bin'), { recursive: true });
  await expectNothingLeft();
}

describe('what bubblewrap has just cloned', () => {
  test.each([
    ['an ordinary user', {}],
    ['an ordinary user, with shared pids', { privilege: { sharePid: true } }],
    ['who runs the tests', { asRunner: true }],
  ])('ends with the guard, started by %s', async (_, options) => {
    const host = await heldHost(options);
    for (const pid of marked(/ guard \d/)) process.kill(pid, 'SIGKILL');
    expect((await host.report('failed')).code).toBe('BWRAP_FAILED');
    await expectEnded(host);
  });

  test('ends with a guard that was stopped, and is killed for it', async () => {
    const host = await heldHost({});
    for (const pid of marked(/ guard \d/)) process.kill(pid, 'SIGSTOP');
    host.tell({ kind: 'close' });
    expect((await host.report('failed')).code).toBe('GIVEN_UP');
    await expectEnded(host);
  });

  test('ends with the host and the guard, where their whole process group is killed', async () => {
    const host = await heldHost({ prefix: ['setsid'] });
    process.kill(-(host.child.pid ?? NaN), 'SIGKILL');
    await expectEnded(host);
  });
});

describe('close', () => {
  test('ends the command and all it started, and can be called again', async () => {
    const host = markedHost();
    await host.report('launched');
    host.tell({ kind: 'start' });
    await host.printed('ready');
    host.tell({ kind: 'close' });
    host.tell({ kind: 'close' });
    expect((await host.report('exited')).code).toBe(137);
    await host.ended();
    await expectNothingLeft();
  });

  // KNS_TEST_CYCLES=1000 for a long look.
  const cycles = Number(process.env['KNS_TEST_CYCLES'] ?? 200);

  test(`${cycles} runs one after another leave no open file, and no process`, {
    timeout: cycles * 500,
  }, async () => {
    const host = markedHost({ command: ['true'], cycles });
    const { first, last } = await host.report('cycled');
    expect(last).toBe(first);
    await host.ended();
    await expectNothingLeft();
  });

  test('twenty at once come and go', { timeout: 60_000 }, async () => {
    const hosts = Array.from({ length: 20 }, () => markedHost());
    await Promise.all(
      hosts.map(async (host) => {
        await host.report('launched');
        host.tell({ kind: 'start' });
        await host.printed('ready');
      }),
    );
    expect(processesMarked(mark).length).toBeGreaterThanOrEqual(20 * 5);
    for (const [i, host] of hosts.entries()) {
      if (i % 2 === 0) host.tell({ kind: 'close' });
      else host.child.kill('SIGKILL');
    }
    await Promise.all(hosts.map((host) => host.ended()));
    await expectNothingLeft();
  });
});
