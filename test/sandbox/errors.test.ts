/** What stands in the way of a sandbox is named, with what to do, and nothing is left behind. */

import { chmodSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { explainBwrap, findBwrap, parseChildPid } from '../../sandbox/bwrap.ts';
import { launch } from '../../sandbox/index.ts';
import { noneMarked } from '../support/processes.ts';
import { Host, type HostOptions, type Installation, installHost, LINK } from './support/host.ts';

let installation: Installation;
let folder: string;
beforeAll(async () => {
  installation = await installHost();
  folder = mkdtempSync(join(tmpdir(), 'kns-path-'));
  chmodSync(folder, 0o755);
});
afterAll(() => {
  installation.remove();
  rmSync(folder, { recursive: true });
});

/** A PATH whose bwrap is this script. */
function pathWithBwrap(name: string, script: string): string {
  const directory = mkdtempSync(join(folder, `${name}-`));
  chmodSync(directory, 0o755);
  writeFileSync(join(directory, 'bwrap'), `#!/bin/sh\n${script}\n`);
  chmodSync(join(directory, 'bwrap'), 0o755);
  return `${directory}:${process.env['PATH']}`;
}

/** Runs the host inside of user and mount namespaces made by this script first. */
const unshared = (script: string) => [
  'unshare',
  '--map-root-user',
  '--mount',
  'sh',
  '-c',
  `${script} && exec "$@"`,
  'sh',
];

async function failure(options: Pick<HostOptions, 'prefix' | 'hostEnv' | 'link'>) {
  const mark = `failure-${process.pid}-${performance.now()}`;
  const host = new Host(installation, {
    command: ['sh', '-c', 'echo ran'],
    ...options,
    hostEnv: { ...options.hostEnv, KNS_TEST_MARK: mark },
  });
  const failed = await host.report('failed');
  await host.ended();
  await noneMarked(`KNS_TEST_MARK=${mark}`);
  expect(host.stdout).toBe('');
  expect(failed.message).not.toContain('\n');
  return failed;
}

test('BWRAP_MISSING: no bwrap in PATH', async () => {
  const only = mkdtempSync(join(folder, 'empty-'));
  chmodSync(only, 0o755);
  const failed = await failure({ prefix: ['env', `PATH=${only}`] });
  expect(failed).toMatchObject({ code: 'BWRAP_MISSING' });
  expect(failed.remedy).toContain('apt-get install bubblewrap');
});

test('BWRAP_FAILED: with what bubblewrap said', async () => {
  const PATH = pathWithBwrap('old', 'echo "bwrap: Unknown option --block-fd" >&2; exit 1');
  expect(await failure({ hostEnv: { PATH } })).toMatchObject({
    code: 'BWRAP_FAILED',
    message: expect.stringContaining('bwrap: Unknown option --block-fd'),
  });
});

test('BWRAP_SETUID: a bubblewrap that would use its privilege', async () => {
  const directory = mkdtempSync(join(folder, 'setuid-'));
  chmodSync(directory, 0o755);
  symlinkSync('/usr/bin/su', join(directory, 'bwrap'));
  expect(await failure({ hostEnv: { PATH: `${directory}:${process.env['PATH']}` } })).toMatchObject({
    code: 'BWRAP_SETUID',
    remedy: expect.stringContaining(`chmod u-s ${directory}/bwrap`),
  });
});

test('PROC_DENIED: parts of /proc are hidden, as in a container', async () => {
  const failed = await failure({ prefix: unshared('mount --bind /proc/sys /proc/sys') });
  expect(failed).toMatchObject({
    code: 'PROC_DENIED',
    remedy: expect.stringContaining('systempaths=unconfined'),
  });
});

test('CWD_MISSING: the working directory was removed', async () => {
  const gone = ['sh', '-c', 'd=$(mktemp -d) && cd "$d" && rmdir "$d" && exec "$@"', 'sh'];
  expect(await failure({ prefix: gone })).toMatchObject({ code: 'CWD_MISSING' });
});

test('SPAWN_FAILED: kns-netns is there and may not be run', async () => {
  const helper = join(installation.folder, 'prebuilt', `linux-${process.arch}`, 'kns-netns');
  chmodSync(helper, 0o644);
  try {
    expect(await failure({})).toMatchObject({
      code: 'SPAWN_FAILED',
      message: expect.stringMatching(/kns-netns.*EACCES/),
    });
  } finally {
    chmodSync(helper, 0o755);
  }
});

const WITHOUT_TUN = 'mount -t tmpfs none /dev/net';

test('TUN_MISSING: no /dev/net/tun', async () => {
  const failed = await failure({ prefix: unshared(WITHOUT_TUN), link: { kind: 'tun' } });
  expect(failed).toMatchObject({ code: 'TUN_MISSING', remedy: expect.stringContaining('modprobe tun') });
});

test('TUN_DENIED: /dev/net/tun may not be opened', async () => {
  const script = 'mount --bind /dev/net/tun /dev/net/tun && mount -o remount,bind,nodev /dev/net/tun';
  const failed = await failure({ prefix: unshared(script), link: { kind: 'tun' } });
  expect(failed).toMatchObject({
    code: 'TUN_DENIED',
    remedy: expect.stringContaining('chmod 0666 /dev/net/tun'),
  });
});

/** The sandbox's own network namespace is the only one. */
const ONE_NETWORK = 'echo 1 > /proc/sys/user/max_net_namespaces';

test('VETH_FAILED: no second network namespace for the far end', async () => {
  expect(await failure({ prefix: unshared(ONE_NETWORK), link: { kind: 'veth' } })).toMatchObject({
    code: 'VETH_FAILED',
    message: expect.stringMatching(/unshare net: .*ENOSPC/),
  });
});

test('LINK_IMPOSSIBLE: neither the one nor the other', async () => {
  const prefix = unshared(`${WITHOUT_TUN} && ${ONE_NETWORK}`);
  expect(await failure({ prefix, link: { kind: 'auto' } })).toMatchObject({
    code: 'LINK_IMPOSSIBLE',
    message: expect.stringMatching(/open \/dev\/net\/tun: .*ENOENT.*unshare net: .*ENOSPC/),
    remedy: expect.stringContaining('modprobe tun'),
  });
});

test('USERNS_DENIED: no more user namespaces, and the switch is named', async () => {
  const failed = await failure({ prefix: unshared('echo 0 > /proc/sys/user/max_user_namespaces') });
  expect(failed).toMatchObject({
    code: 'USERNS_DENIED',
    remedy: expect.stringContaining('user.max_user_namespaces'),
  });
});

describe('a bubblewrap that hangs', () => {
  const options = { command: ['true'], link: LINK };

  test('SETUP_TIMEOUT', async () => {
    vi.stubEnv('PATH', pathWithBwrap('hung', 'exec sleep 1000'));
    vi.stubEnv('KNS_TEST_MARK', 'hung-timeout');
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const launched = launch(options);
      const outcome = expect(launched).rejects.toMatchObject({ code: 'SETUP_TIMEOUT' });
      await vi.waitFor(() => expect(vi.getTimerCount()).toBeGreaterThan(0));
      vi.advanceTimersByTime(10_000);
      await outcome;
    } finally {
      vi.useRealTimers();
      vi.unstubAllEnvs();
    }
    await noneMarked('KNS_TEST_MARK=hung-timeout');
  });

  test('can be given up', async () => {
    vi.stubEnv('PATH', pathWithBwrap('hung', 'exec sleep 1000'));
    vi.stubEnv('KNS_TEST_MARK', 'hung-abort');
    const giveUp = new AbortController();
    const launched = launch({ ...options, abort: giveUp.signal });
    giveUp.abort(new Error('changed my mind'));
    await expect(launched).rejects.toThrow('changed my mind');
    vi.unstubAllEnvs();
    await noneMarked('KNS_TEST_MARK=hung-abort');
  });

  test('is not even started when given up before', async () => {
    const reason = new Error('never mind');
    await expect(launch({ ...options, abort: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });
});

test('SPAWN_FAILED: a larger environment than the kernel takes', async () => {
  const launched = launch({ command: ['true'], env: { LARGE: 'x'.repeat(200_000) }, link: LINK });
  await expect(launched).rejects.toMatchObject({
    code: 'SPAWN_FAILED',
    message: expect.stringContaining('E2BIG'),
  });
});

test('an empty command is the fault of the program that asks, and so is a NUL', async () => {
  await expect(launch({ command: ['echo', 'a\0b'], link: LINK })).rejects.toThrow(TypeError);
  await expect(launch({ command: [], link: LINK })).rejects.toThrow(TypeError);
});

describe('what bubblewrap says', () => {
  test.each([
    [
      'bwrap: No permissions to create new namespace, likely because the kernel does not allow',
      'USERNS_DENIED',
    ],
    ['bwrap: Creating new namespace failed: No space left on device', 'USERNS_DENIED'],
    ['bwrap: Creating new namespace failed: Resource temporarily unavailable', 'SPAWN_FAILED'],
    ['kns-rootless: fork: Resource temporarily unavailable', 'SPAWN_FAILED'],
    ['bwrap: Fork failed for pid 1: Cannot allocate memory', 'SPAWN_FAILED'],
    ['bwrap: setting up uid map: Permission denied', 'USERNS_DENIED'],
    ['bwrap: loopback: Failed RTM_NEWADDR: Operation not permitted', 'USERNS_DENIED'],
    ['bwrap: Failed to make / slave: Permission denied', 'USERNS_DENIED'],
    ["bwrap: Can't mount proc on /newroot/proc: Operation not permitted", 'PROC_DENIED'],
    ["bwrap: Can't mount tmpfs on /newroot/run: Operation not permitted", 'BWRAP_FAILED'],
    ['', 'BWRAP_FAILED'],
  ])('%s: %s', (line, code) => {
    expect(explainBwrap(`${line}\n`, 1)).toMatchObject({
      code,
      message: expect.stringContaining(line || 'exit status 1'),
    });
  });

  test('the pid of its child, however the text is cut up', () => {
    expect(parseChildPid('{\n    "child-pid": 12')).toBeUndefined();
    expect(parseChildPid('{\n    "child-pid": 1234\n}')).toBe(1234);
    expect(parseChildPid('{ "child-pid": 77, "net-namespace": 4026532178 }')).toBe(77);
  });

  test('it is looked up in PATH, through links, and must be executable', () => {
    const directory = mkdtempSync(join(folder, 'links-'));
    writeFileSync(join(directory, 'bwrap'), '');
    const second = mkdtempSync(join(folder, 'links-'));
    symlinkSync('/bin/true', join(second, 'bwrap'));
    expect(findBwrap(`${directory}:${second}`)).toBe(join(second, 'bwrap'));
  });
});
