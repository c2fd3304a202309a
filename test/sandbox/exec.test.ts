/** A further command in a sandbox that stands: what it finds, what it may, and how it ends. */

import { readlinkSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { NetnsHelper } from '../../sandbox/helper.ts';
import { Channel } from '../../sandbox/channel.ts';
import { borrowNamespaces, join, launch } from '../../sandbox/index.ts';
import { ordinaryUser } from '../support/ordinary-user.ts';
import { noneMarked, processesMarked } from '../support/processes.ts';
import { until } from '../support/until.ts';
import {
  Host,
  type HostOptions,
  type Installation,
  installHost,
  LINK,
  type Outcome,
} from './support/host.ts';
import { type Hostile, outcomesOf, startHostile, succeeded } from './support/hostile.ts';
import { oddFolder } from './support/odd-folder.ts';
import type { JoinedOptions } from './support/protocol.ts';

let installation: Installation;
let hostile: Hostile;

beforeAll(async () => {
  installation = await installHost();
  hostile = await startHostile(installation);
});
afterAll(() => {
  hostile.close();
  installation.remove();
});

const JOINED: Omit<JoinedOptions, 'command'> = { netAdmin: false };

/** A sandbox without a command, for others to join. */
async function standing(options: Partial<HostOptions> = {}): Promise<Host> {
  const host = new Host(installation, options);
  await host.report('launched');
  return host;
}

async function joinAs(host: Host, id: number, options: JoinedOptions): Promise<void> {
  host.tell({ kind: 'join', id, options });
  await hasJoined(host, id);
}

async function hasJoined(host: Host, id: number): Promise<void> {
  await host.until(({ reports }) => reports.find((each) => each.kind === 'joined' && each.id === id));
}

async function left(host: Host, id: number): Promise<number> {
  const report = await host.until(({ reports }) =>
    reports.find((each) => each.kind === 'left' && each.id === id),
  );
  return report.kind === 'left' ? report.code : -1;
}

async function close(host: Host): Promise<void> {
  host.tell({ kind: 'close' });
  await host.ended();
}

/** Runs one command in a sandbox that stands, to its end. */
async function runJoined(
  command: readonly string[],
  options: Partial<HostOptions> = {},
  joined: Partial<JoinedOptions> = {},
): Promise<Outcome> {
  const host = await standing(options);
  await joinAs(host, 1, { ...JOINED, ...joined, command });
  host.tell({ kind: 'go', id: 1 });
  const code = await left(host, 1);
  await close(host);
  return { code, stdout: host.stdout, stderr: host.stderr };
}

const script = (text: string): readonly string[] => ['sh', '-c', text];

describe('a hostile program that joins', () => {
  test('gets nothing', async () => {
    const outcomes = outcomesOf((await runJoined(hostile.command())).stdout);
    expect(Object.keys(outcomes).length).toBeGreaterThan(35);
    expect(succeeded(outcomes)).toEqual([]);
  });

  test('gets nothing by being root of a user namespace of its own', async () => {
    const outcomes = outcomesOf((await runJoined(hostile.command('nested'))).stdout);
    expect(succeeded(outcomes)).toEqual(['nested user namespace', 'limit of namespaces']);
    expect(outcomes['unmount /etc']).toBe('EINVAL');
  });

  test('gets no user namespace where these are denied', async () => {
    const privilege = { nestedUserNamespaces: false };
    const outcomes = outcomesOf((await runJoined(hostile.command('nested'), { privilege })).stdout);
    expect(outcomes['nested user namespace']).toBe('ENOSPC');
    expect(succeeded(outcomes)).toEqual([]);
  });

  test('with --net-admin gets the network of the sandbox, and nothing else', async () => {
    const privilege = { netAdmin: true };
    const outcomes = outcomesOf(
      (await runJoined(hostile.command(), { privilege }, { netAdmin: true })).stdout,
    );
    expect(succeeded(outcomes).toSorted()).toEqual([
      'kns0 down',
      'make a tun',
      'packet socket',
      'raw socket',
      'sysctl of the network',
    ]);
  });

  test('gets nothing of one that is about to join', async () => {
    const host = await standing();
    await joinAs(host, 1, { ...JOINED, command: ['true'] });
    await joinAs(host, 2, { ...JOINED, command: hostile.command() });
    host.tell({ kind: 'go', id: 2 });
    expect(await left(host, 2)).toBe(0);
    expect(succeeded(outcomesOf(host.stdout))).toEqual([]);
    host.tell({ kind: 'go', id: 1 });
    expect(await left(host, 1)).toBe(0);
    await close(host);
  });
});

describe('what it finds', () => {
  test('the same as a command of the sandbox: namespaces, no privilege, the filter, its own /etc and /sys', async () => {
    const look = `
      for kind in user net ipc mnt pid; do readlink /proc/self/ns/$kind; done
      grep -E '^(Cap|NoNewPrivs|Seccomp|Uid|Gid|Groups)' /proc/self/status
      grep -c kns-etc /proc/self/mounts; ls /sys/class/net; ulimit -a`;
    const host = new Host(installation, { command: script(`${look}; echo over; read line`), input: '' });
    await host.report('launched');
    await joinAs(host, 1, { ...JOINED, command: script(look) });
    host.tell({ kind: 'go', id: 1 });
    expect(await left(host, 1)).toBe(0);
    const seenByJoined = host.stdout;
    host.tell({ kind: 'start' });
    await host.ended();
    expect(host.stdout.slice(seenByJoined.length)).toBe(`${seenByJoined}over\n`);
    expect(seenByJoined).toMatch(/NoNewPrivs:\t1\n/);
    expect(seenByJoined).toMatch(/Seccomp:\t2\n/);
  });

  test.each([{ uid: 0, gid: 0 }, { uid: 4321 }, {}])('the ids of the sandbox, as %j', async (ids) => {
    const { uid, gid } = ordinaryUser();
    const { stdout } = await runJoined(script('id -u; id -g'), { privilege: ids });
    expect(stdout).toBe(`${ids.uid ?? uid}\n${ids.gid ?? gid}\n`);
  });

  test('its own working directory, environment and files', async () => {
    const env = { PATH: process.env['PATH'], ONE: '1' };
    const { stdout } = await runJoined(
      script('pwd; echo $ONE; ls /proc/self/fd | wc -l'),
      {},
      { cwd: '/usr', env },
    );
    // ls itself opens the directory.
    expect(stdout).toBe('/usr\n1\n4\n');
  });

  test('a working directory whose name is no UTF-8', async () => {
    const { prefix, hex } = oddFolder(installation);
    const { stdout } = await runJoined(['perl', '-MCwd', '-e', 'print unpack("H*", getcwd)'], { prefix });
    expect(stdout).toBe(hex);
  });

  test("with shared pids, the host's processes", async () => {
    const privilege = { sharePid: true };
    expect((await runJoined(script(`test -d /proc/${process.pid}`), { privilege })).code).toBe(0);
  });
});

describe('how it ends', () => {
  test.each([
    ['exit 7', 7],
    ['kill -TERM $$', 143],
    ['exec /nonexistent', 127],
    ['exec /etc', 126],
  ])('%s', async (text, code) => {
    expect((await runJoined(script(text))).code).toBe(code);
    const privilege = { sharePid: true };
    expect((await runJoined(script(text), { privilege })).code).toBe(code);
  });

  test('what it leaves running stays in the sandbox, and ends with that', async () => {
    const mark = `KNS_TEST_MARK=exec-left-${process.pid}`;
    const env = { PATH: process.env['PATH'], KNS_TEST_MARK: mark.split('=')[1] };
    const host = await standing();
    await joinAs(host, 1, { ...JOINED, env, command: script('sleep 1000 >/dev/null 2>&1 & echo left') });
    host.tell({ kind: 'go', id: 1 });
    expect(await left(host, 1)).toBe(0);
    // The shell does not wait until its child has become sleep.
    await until(async () => processesMarked(mark).every(({ command }) => command === 'sleep 1000'));
    expect(processesMarked(mark).map(({ command }) => command)).toEqual(['sleep 1000']);
    await close(host);
    await noneMarked(mark);
  });

  test.each([{}, { sharePid: true }])(
    'when who joined goes, all that it has started ends: daemons too; the sandbox stays; %j',
    async (privilege) => {
      const mark = `KNS_TEST_MARK=exec-gone-${process.pid}`;
      const env = { PATH: process.env['PATH'], KNS_TEST_MARK: mark.split('=')[1] };
      const host = await standing({ privilege });
      const command = script('(setsid sleep 1000 &) ; sleep 1000 & echo up; sleep 1000');
      await joinAs(host, 1, { ...JOINED, env, command });
      host.tell({ kind: 'go', id: 1 });
      await host.printed('up');
      host.tell({ kind: 'leave', id: 1 });
      expect(await left(host, 1)).toBe(137);
      await noneMarked(mark);
      await joinAs(host, 2, { ...JOINED, command: ['true'] });
      host.tell({ kind: 'go', id: 2 });
      expect(await left(host, 2)).toBe(0);
      await close(host);
    },
  );

  test('the end of the sandbox ends it', async () => {
    const host = await standing();
    await joinAs(host, 1, { ...JOINED, command: script('echo up; sleep 1000') });
    host.tell({ kind: 'go', id: 1 });
    await host.printed('up');
    host.tell({ kind: 'close' });
    expect(await left(host, 1)).toBe(137);
    await host.ended();
  });

  test('SIGKILL of the sandbox’s host ends all', async () => {
    const mark = `KNS_TEST_MARK=exec-host-${process.pid}`;
    const host = await standing({ hostEnv: { KNS_TEST_MARK: mark.split('=')[1] ?? '' } });
    await joinAs(host, 1, { ...JOINED, command: script('(setsid sleep 1000 &); echo up; sleep 1000') });
    host.tell({ kind: 'go', id: 1 });
    await host.printed('up');
    host.child.kill('SIGKILL');
    await host.ended();
    await noneMarked(mark);
  });

  test('a sandbox that has ended can’t be joined', async () => {
    const host = new Host(installation, { command: ['sleep', '1000'] });
    await host.report('launched');
    await joinAs(host, 1, { ...JOINED, command: ['true'] });
    host.tell({ kind: 'close' });
    host.tell({ kind: 'join', id: 2, options: { ...JOINED, command: ['true'] } });
    expect(await host.report('failed')).toMatchObject({ code: 'JOIN_FAILED' });
    await host.ended();
  });
});

test('SETUP_TIMEOUT speaks of the join, and not of what makes a sandbox', async () => {
  const sandbox = await launch({ link: LINK });
  const namespaces = await sandbox.namespaces();
  const copy = await borrowNamespaces(process.pid, namespaces);
  const silent = vi
    .spyOn(Channel.prototype, 'receive')
    .mockImplementation(
      (signal) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    );
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  try {
    const joined = join({ ...JOINED, command: ['true'], namespaces: copy });
    const outcome = expect(joined).rejects.toMatchObject({
      code: 'SETUP_TIMEOUT',
      message: 'the command was not in the sandbox after 10 s',
      remedy: expect.not.stringContaining('bwrap'),
    });
    await vi.waitFor(() => expect(vi.getTimerCount()).toBeGreaterThan(0));
    vi.advanceTimersByTime(10_000);
    await outcome;
  } finally {
    vi.useRealTimers();
    silent.mockRestore();
  }
  await sandbox.close();
});

test('what could not be had for one command is tried again for the next', async () => {
  const sandbox = await launch({ link: LINK });
  const request = vi.spyOn(NetnsHelper.prototype, 'request').mockRejectedValueOnce(new Error('ulimit -n'));
  await expect(sandbox.namespaces()).rejects.toMatchObject({ code: 'JOIN_FAILED' });
  const { user } = await sandbox.namespaces();
  expect(readlinkSync(`/proc/self/fd/${user}`)).toMatch(/^user:/);
  request.mockRestore();
  await sandbox.close();
});

test('commands that join at the same moment are no matter', async () => {
  const host = await standing();
  const ids = Array.from({ length: 12 }, (_, i) => i + 1);
  for (const id of ids)
    host.tell({ kind: 'join', id, options: { ...JOINED, command: script(`exit ${id}`) } });
  for (const id of ids) await hasJoined(host, id);
  for (const id of ids) host.tell({ kind: 'go', id });
  for (const id of ids) expect(await left(host, id)).toBe(id);
  await close(host);
});
