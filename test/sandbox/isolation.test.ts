/** What the command can and can't reach, seen from inside and from outside. */

import { chmodSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ordinaryUser } from '../support/ordinary-user.ts';
import { processesMarked } from '../support/processes.ts';
import { until } from '../support/until.ts';
import { Host, type HostOptions, type Installation, installHost, runInSandbox } from './support/host.ts';

let installation: Installation;
beforeAll(async () => {
  installation = await installHost();
});
afterAll(() => installation.remove());

const shell = async (script: string) =>
  (await runInSandbox(installation, { command: ['sh', '-c', script] })).stdout;

/** A sandbox whose command has started, and has become the program that waits for its end. */
async function waiting(mark: string): Promise<Host> {
  const [name = '', value = ''] = mark.split('=');
  const host = new Host(installation, {
    command: ['sh', '-c', 'echo ready; sleep 1000'],
    hostEnv: { [name]: value },
  });
  await host.report('launched');
  host.tell({ kind: 'start' });
  await host.printed('ready');
  // In the middle of execve(2) a process can't be looked at.
  await until(async () => processesMarked(mark).some(({ command }) => command === 'sleep 1000'));
  return host;
}

async function end(host: Host): Promise<void> {
  host.tell({ kind: 'close' });
  await host.ended();
}

const HELPERS = /^(\S*(bwrap|kns-stub|sh|sleep|kns-netns)|\/proc\/self\/fd\/\d+)( |$)/;

describe('privilege', () => {
  test('no process of the sandbox has a capability, or is root outside', async () => {
    const mark = `KNS_TEST_MARK=privilege-${process.pid}`;
    const host = await waiting(mark);
    const processes = processesMarked(mark).filter(({ command }) => HELPERS.test(command));
    expect(processes.length).toBeGreaterThanOrEqual(5);
    for (const { command, pid, status } of processes) {
      expect([command, status['Uid']?.split('\t').includes('0')]).toEqual([command, false]);
      // A capability within the sandbox is one, too. Outside nobody has any: no setuid program took part.
      expect([command, status['CapEff'], status['CapPrm']]).toEqual([
        command,
        '0'.repeat(16),
        '0'.repeat(16),
      ]);
      expect(statSync(readlinkSync(`/proc/${pid}/exe`)).mode & 0o6000).toBe(0);
    }
    await end(host);
  });

  test('none is in any set of the command, and none can be had', async () => {
    const status = await shell('grep -E "^Cap|NoNewPrivs" /proc/self/status');
    const none = ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'].map(
      (set) => `${set}:\t${'0'.repeat(16)}\n`,
    );
    expect(status).toBe(`${none.join('')}NoNewPrivs:\t1\n`);
  });

  test('none stays when root starts it', async () => {
    // Root of a user namespace, which any user may be: bubblewrap treats it as it does the real one.
    const { stdout } = await runInSandbox(installation, {
      command: ['sh', '-c', 'id -u; grep ^Cap /proc/self/status'],
      prefix: ['unshare', '--map-root-user'],
    });
    const [uid, ...sets] = stdout.trim().split('\n');
    expect(uid).toBe('0');
    expect(sets.map((line) => line.split('\t')[1])).toEqual(Array.from({ length: 5 }, () => '0'.repeat(16)));
  });

  test('the command is who its caller is', async () => {
    const { uid, gid } = ordinaryUser();
    expect(await shell('id -u; id -g')).toBe(`${uid}\n${gid}\n`);
  });

  test("the host's processes are neither seen nor reached", async () => {
    expect(await shell('ls /proc | grep -cE "^[0-9]+$"')).toMatch(/^[2-9]\n$/);
  });
});

describe('/etc', () => {
  test("what is written before the start is there, and the host's own stays as it was", async () => {
    const before = readFileSync('/etc/hosts', 'utf8');
    const host = new Host(installation, { command: ['cat', '/etc/hosts'] });
    await host.report('launched');
    host.tell({ kind: 'write', file: 'hosts', text: '10.0.1.3 first\n' });
    host.tell({ kind: 'start' });
    await host.ended();
    expect(host.stdout).toBe('10.0.1.3 first\n');
    expect(readFileSync('/etc/hosts', 'utf8')).toBe(before);
  });

  test('a change while the command runs shows at once', async () => {
    const script =
      'cat /etc/resolv.conf; until grep -q second /etc/resolv.conf; do :; done; cat /etc/resolv.conf; ls -A /etc | grep new';
    const host = new Host(installation, { command: ['sh', '-c', script] });
    await host.report('launched');
    host.tell({ kind: 'write', file: 'resolvConf', text: 'nameserver 10.0.1.1\n# first, and longer\n' });
    host.tell({ kind: 'start' });
    await host.printed('longer');
    host.tell({ kind: 'write', file: 'resolvConf', text: '# second\n' });
    expect((await host.report('exited')).code).toBe(1);
    await host.ended();
    expect(host.stdout).toBe('nameserver 10.0.1.1\n# first, and longer\n# second\n');
  });

  test('can not be written, renamed or removed from inside', async () => {
    const script =
      'for f in hosts resolv.conf nsswitch.conf; do echo x 2>/dev/null >/etc/$f || echo no; rm -f /etc/$f 2>/dev/null || echo no; done; mkdir /etc/.kns-x 2>/dev/null || echo no';
    expect(await shell(script)).toBe('no\n'.repeat(7));
  });

  test("the rest is the host's: the same names, links and contents", async () => {
    const ours = new Set(['hosts', 'resolv.conf', 'nsswitch.conf', '.kns-host']);
    const names = (await shell('ls -A /etc'))
      .trim()
      .split('\n')
      .filter((name) => !ours.has(name));
    expect(names.sort()).toEqual(
      readdirSync('/etc')
        .filter((name) => !ours.has(name))
        .sort(),
    );
    expect(await shell('cat /etc/passwd')).toBe(readFileSync('/etc/passwd', 'utf8'));
    // A link that leads out of a directory of /etc, by its relative text.
    expect(await shell('cd /etc/ssl/.. && pwd -P')).toBe('/etc\n');
  });

  test('links keep their text', async () => {
    const links = readdirSync('/etc', { withFileTypes: true }).filter((entry) => entry.isSymbolicLink());
    for (const { name } of links.slice(0, 5))
      expect(await shell(`readlink /etc/${name}`)).toBe(`${readlinkSync(`/etc/${name}`)}\n`);
    expect(links.length).toBeGreaterThan(0);
  });
});

describe('/sys', () => {
  test("shows the sandbox's interfaces, and keeps what was mounted below", async () => {
    expect(await shell('ls /sys/class/net')).toBe('kns0\nlo\n');
    expect(await shell('ls /sys/fs/cgroup')).toBe(`${readdirSync('/sys/fs/cgroup').sort().join('\n')}\n`);
  });
});

/** Runs a command on a host whose mounts this script has changed. */
const outcome = (script: string, command: string, more: Partial<HostOptions> = {}) =>
  runInSandbox(installation, {
    command: ['sh', '-c', command],
    prefix: ['unshare', '--map-root-user', '--mount', 'sh', '-c', `${script} && exec "$@"`, 'sh'],
    ...more,
  });

describe('/sys as a whole', () => {
  test('is read-only, control groups and what else is mounted in it too', async () => {
    const mounts = await shell(`cut -d ' ' -f 2,4 /proc/self/mounts | grep '^/sys'`);
    // What comes later covers what was there.
    const options = new Map(
      mounts
        .trim()
        .split('\n')
        .map((line) => line.split(' ') as [string, string]),
    );
    expect([...options.keys()]).toContain('/sys/fs/cgroup');
    for (const [path, flags] of options) expect([path, flags.split(',')[0]]).toEqual([path, 'ro']);
  });
});

describe.runIf(process.getuid?.() === 0)('root', () => {
  test('has no capability, and writes no setting of the kernel but of its own network', async () => {
    const settings = ['kernel/core_pattern', 'vm/drop_caches', 'net/ipv4/ip_forward'];
    const script = `grep ^Cap /proc/self/status; for f in ${settings.join(' ')}; do (: >>/proc/sys/$f) 2>/dev/null && echo "$f" || echo closed; done`;
    const { stdout } = await runInSandbox(installation, { command: ['sh', '-c', script], asRunner: true });
    const lines = stdout.trim().split('\n');
    expect(lines.slice(0, 5).map((line) => line.split('\t')[1])).toEqual(
      Array.from({ length: 5 }, () => '0'.repeat(16)),
    );
    expect(lines.slice(5)).toEqual(['closed', 'closed', 'net/ipv4/ip_forward']);
  });
});

describe('a host that is unlike others', () => {
  test('files of /etc mounted one by one, as in containers', async () => {
    const mounts = ['hosts', 'passwd'].map((name) => `mount --bind /etc/${name} /etc/${name}`).join(' && ');
    const { code, stdout } = await outcome(mounts, 'cat /etc/passwd; wc -c < /etc/hosts');
    expect({ code, stdout }).toEqual({ code: 0, stdout: `${readFileSync('/etc/passwd', 'utf8')}0\n` });
  });

  test('a /sys of which parts are hidden: the interfaces of the host are not shown', async () => {
    const { code, stdout } = await outcome(
      'mount -t tmpfs none /sys/kernel',
      'ls /sys/class/net; ls -d /sys/devices',
    );
    expect({ code, stdout }).toEqual({ code: 0, stdout: '/sys/devices\n' });
  });

  test('a root file system that is read-only', async () => {
    const { code, stdout } = await outcome('mount -o remount,bind,ro /', 'touch /x 2>/dev/null || echo no');
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'no\n' });
  });
});

/** A copy of some files, changed, in the place of the host's /etc. */
const copied = (change: string): string =>
  `mount -t tmpfs none /mnt && cp /etc/passwd /etc/group /etc/hosts /mnt/ && (cd /mnt && ${change}) && mount --bind /mnt /etc`;

describe('an /etc that is unlike others', () => {
  const script =
    'for f in hosts resolv.conf nsswitch.conf; do test -f /etc/$f -a ! -h /etc/$f && echo own; done';

  test.each([
    ['no resolv.conf, hosts or nsswitch.conf', 'rm -f hosts'],
    ['resolv.conf is a link to where nothing is', 'ln -s /run/nowhere/resolv.conf resolv.conf'],
    ['resolv.conf is a link that leads out by its relative text', 'ln -s ../run/resolv.conf resolv.conf'],
    [
      'all three are links, as on NixOS',
      'rm hosts; for f in hosts resolv.conf nsswitch.conf; do ln -s /etc/static/$f $f; done',
    ],
  ])('%s', async (_, change) => {
    const { code, stdout } = await outcome(copied(change), script);
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'own\n'.repeat(3) });
  });
});

/** Whether each of these can be written. */
const tried = (...paths: string[]) =>
  paths.map((path) => `(echo x >>${path}) 2>/dev/null && echo yes || echo no`).join('; ');

describe("an /etc of the caller's own, as root's is", () => {
  const set = copied('mkdir dir other && echo kept >dir/file');

  test('can not be written, whatever is in it', async () => {
    const paths = ['passwd', 'dir/file', 'dir/new', '.kns-host/passwd', '.kns-host/dir/new', '.kns-host/new'];
    const command = `${tried(...paths.map((path) => `/etc/${path}`))}; cat /etc/dir/*; grep -cx x /etc/passwd`;
    expect((await outcome(set, command)).stdout).toBe(`${'no\n'.repeat(6)}kept\n0\n`);
  });

  test('but for what is bound there', async () => {
    const bound = {
      files: { mounts: [{ kind: 'bind', source: '/etc/other', target: '/etc/dir' }] },
    } as const;
    const command = `${tried('/etc/dir/new', '/etc/other/new')}; ls /etc/dir /etc/other`;
    expect((await outcome(set, command, bound)).stdout).toBe('yes\nno\n/etc/dir:\nnew\n\n/etc/other:\nnew\n');
  });

  test('and where it is a link', async () => {
    // A root like this one's, but for a link in the place of /etc.
    const root = `mount -t tmpfs none /mnt && cd /mnt && mkdir old etc.d && cp /etc/passwd /etc/group /etc/hosts etc.d/
      for entry in /*; do case $entry in
        /etc) ln -s etc.d etc;;
        /mnt) mkdir mnt;;
        *) if test -h $entry; then cp -P $entry .; elif test -d $entry; then mkdir .$entry && mount --rbind $entry .$entry; fi;;
      esac; done; pivot_root . old && cd / && umount -l old`;
    const command = `readlink /etc; ${tried('/etc/passwd', '/etc.d/passwd')}; grep -c root /etc/passwd`;
    expect((await outcome(root, command)).stdout).toBe('etc.d\nno\nno\n1\n');
  });
});

describe('an /etc that changes while the command runs', () => {
  test('is followed, but for the three files that are the sandbox’s own, whatever the host renames into place', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'kns-etc-'));
    chmodSync(folder, 0o777);
    const change = `(until test -e ${folder}/up; do sleep 0.05; done
      for f in resolv.conf hosts nsswitch.conf passwd; do echo changed >/etc/new && mv /etc/new /etc/$f; done
      touch ${folder}/changed) >/dev/null 2>&1 &
      exec "$@"`;
    const look = `cat /etc/passwd | wc -l; touch ${folder}/up; until test -e ${folder}/changed; do sleep 0.05; done
      cat /etc/passwd; cat /etc/resolv.conf /etc/hosts /etc/nsswitch.conf | grep -c changed`;
    const { stdout } = await runInSandbox(installation, {
      command: ['sh', '-c', look],
      prefix: ['unshare', '--map-root-user', '--mount', 'sh', '-c', `${copied('true')} && ${change}`, 'sh'],
    });
    rmSync(folder, { recursive: true });
    const [lines, ...rest] = stdout.trim().split('\n');
    expect(Number(lines)).toBeGreaterThan(1);
    expect(rest).toEqual(['changed', '0']);
  });
});

describe('/dev', () => {
  test('is as the host has it', async () => {
    expect(await shell('test -c /dev/null && test -d /dev/pts && test -d /dev/shm && echo yes')).toBe(
      'yes\n',
    );
  });
});
