/** The file system as the user asked for it: what covers what, what is refused, and that nothing is left of it. */

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { FileOptions } from '../../sandbox/index.ts';
import { findBwrap } from '../../sandbox/bwrap.ts';
import { HIDDEN_ALWAYS, HIDDEN_ISOLATED, PRIVATE_ISOLATED } from '../../sandbox/view/hidden.ts';
import { fileView } from '../../sandbox/view/files.ts';
import { procMounts } from '../../sandbox/view/other-procs.ts';
import { ordinaryUser } from '../support/ordinary-user.ts';
import {
  Host,
  type HostOptions,
  type Installation,
  installHost,
  type Outcome,
  runInSandbox,
} from './support/host.ts';
import { oddFolder } from './support/odd-folder.ts';

let installation: Installation;
beforeAll(async () => {
  installation = await installHost();
});
afterAll(() => installation.remove());

/** A home of the user's, with a project to work in. */
let home: string;
let project: string;
beforeEach(() => {
  const { uid, gid } = ordinaryUser();
  // Not below /tmp, which some of these take away.
  home = mkdtempSync(join(realpathSync('/var/tmp'), 'kns-files-'));
  project = join(home, 'project');
  for (const folder of [project, join(home, 'secrets')]) mkdirSync(folder);
  for (const file of ['.profile', 'secrets/token', 'project/README'])
    writeFileSync(join(home, file), `${file}\n`);
  for (const name of readdirSync(home, { recursive: true }) as string[])
    chownSync(join(home, name), uid, gid);
  chownSync(home, uid, gid);
  chmodSync(home, 0o755);
});
afterEach(() => rmSync(home, { recursive: true }));

/** What the script prints, in the project. */
async function inside(files: FileOptions, script: string, more: Partial<HostOptions> = {}): Promise<string> {
  const { stdout, stderr } = await runInSandbox(installation, {
    command: ['sh', '-c', script],
    cwd: project,
    env: { PATH: process.env['PATH'] ?? '', HOME: home },
    files,
    ...more,
  });
  expect(stderr).toBe('');
  return stdout;
}

async function refusal(files: FileOptions): Promise<{ code: string; message: string; remedy: string }> {
  const host = new Host(installation, { command: ['true'], cwd: project, env: { HOME: home }, files });
  const failed = await host.report('failed');
  await host.ended();
  return failed;
}

/** A real bubblewrap 0.4, where there is one. */
const OLD = process.env['KNS_TEST_OLD_BWRAP'];

const tried = (...paths: string[]) =>
  paths.map((path) => `(echo x >${path}/new) 2>/dev/null && echo yes || echo no`).join('; ');

describe('read-only', () => {
  test('is all but the working directory, /dev as it was', async () => {
    const script = `${tried('.', '..', '/tmp', '/var/tmp')}; echo x >/dev/null && echo dev`;
    expect(await inside({ readOnly: true }, script)).toBe('yes\nno\nno\nno\ndev\n');
    expect(readFileSync(join(project, 'new'), 'utf8')).toBe('x\n');
  });

  test('can not be undone in a user namespace of the command', async () => {
    const script = `unshare --map-root-user --mount sh -c 'mount -o remount,rw,bind / 2>/dev/null || echo locked; mount -o remount,rw / 2>/dev/null || echo locked; umount /proc 2>/dev/null || echo locked'`;
    expect(await inside({ readOnly: true }, script)).toBe('locked\n'.repeat(3));
  });

  test('at the root of the file system, all of it', async () => {
    const { stdout } = await runInSandbox(installation, {
      command: ['sh', '-c', tried(home, '/tmp')],
      cwd: '/',
      files: { readOnly: true },
    });
    expect(stdout).toBe('no\nno\n');
  });
});

/** Runs the script on a host of which a part was made anew; this one's own stays as it is. */
async function insideOf(
  host: string,
  cwd: string,
  files: FileOptions,
  script: string,
  env: Record<string, string> = {},
): Promise<string> {
  const { stdout } = await runInSandbox(installation, {
    command: ['sh', '-c', script],
    cwd,
    prefix: ['unshare', '--map-root-user', '--mount', 'sh', '-c', `${host} && exec "$@"`, 'sh'],
    hostEnv: { HOME: home },
    env: { PATH: process.env['PATH'] ?? '', HOME: home, ...env },
    files,
  });
  return stdout.trim();
}

describe('a working directory where something is hidden or private', () => {
  const ALL: FileOptions = { readOnly: true, privateHome: true, isolate: true };
  /** A /run with a socket's directory, and a home with one. */
  const host =
    'mount -t tmpfs none /run && mkdir -p /run/nscd /run/user/work && touch /run/nscd/s /run/user/s && mkdir -p ~/.docker/run && touch ~/.docker/config ~/.docker/run/s';
  const hostProcesses = `ls /proc | grep -cx ${process.pid}`;

  test.each<[string, () => string, FileOptions, string, string]>([
    ['~', () => home, ALL, `ls -A ~; ${tried('~', '..')}`, 'yes\nno'],
    ['the one above ~', () => join(home, '..'), ALL, `ls -A ~; ${tried('~', '.')}`, 'yes\nyes'],
    ['/run', () => '/run', { readOnly: true }, `ls -A nscd; ls; ${tried('.')}`, 'nscd\nuser\nyes'],
    ['/run, isolated', () => '/run', { readOnly: true, isolate: true }, `ls -A; ${tried('.')}`, 'no'],
    ['/proc', () => '/proc', { readOnly: true }, `${hostProcesses}; ${tried('/usr')}`, '0\nno'],
    ['/dev', () => '/dev', { readOnly: true }, `echo x >/dev/null && echo dev; ${tried('/usr')}`, 'dev\nno'],
    [
      '~/.docker',
      () => join(home, '.docker'),
      { isolate: true, privateHome: true },
      `ls -A ~; ls; ls -A run; ${tried('.', 'run')}`,
      '.docker\nconfig\nrun\nyes\nno',
    ],
    ['what is hidden itself', () => '/run/user', { isolate: true }, `ls -A; ${tried('.')}`, 'no'],
    ['in what is hidden', () => '/run/user/work', { isolate: true }, `ls -A ..; ${tried('.')}`, 'work\nyes'],
  ])('%s: all of it stays so', async (_, cwd, files, script, expected) => {
    const env = { XDG_RUNTIME_DIR: '/run/user' };
    expect(await insideOf(host, cwd(), files, script, env)).toBe(expected);
  });

  test('a private home in a private /tmp', async () => {
    const homes = mkdtempSync(join(tmpdir(), 'kns-homes-'));
    chmodSync(homes, 0o777);
    const target = join(homes, 'home');
    mkdirSync(target);
    writeFileSync(join(target, 'secret'), '');
    const files = { privateTmp: true, privateHome: true };
    const script = `ls -A ~; ${tried('~')}`;
    for (const cwd of [target, homes])
      expect([cwd, await insideOf('true', cwd, files, script, { HOME: target })]).toEqual([cwd, 'yes']);
    rmSync(homes, { recursive: true });
  });
});

/** In a working directory whose name is no UTF-8. */
const oddly = (files: FileOptions) => ({ command: ['true'], files, prefix: oddFolder(installation).prefix });

describe('a working directory whose name is no UTF-8', () => {
  test.each<FileOptions>([{ readOnly: true }, { privateTmp: true }])('MOUNT_INVALID: %j', async (files) => {
    const host = new Host(installation, oddly(files));
    expect(await host.report('failed')).toMatchObject({
      code: 'MOUNT_INVALID',
      message: expect.stringContaining('UTF-8'),
      remedy: expect.stringContaining('cd'),
    });
    await host.ended();
  });

  test('is no matter where nothing takes it away', async () => {
    const files = { privateHome: true, mounts: [{ kind: 'hide', target: '/var/tmp' }] } as const;
    const { code, stderr } = await runInSandbox(installation, { ...oddly(files), env: { HOME: home } });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });
});

describe('private', () => {
  test('not the root of the file system, where HOME is that', async () => {
    const host = new Host(installation, {
      command: ['true'],
      env: { HOME: '/' },
      files: { privateHome: true },
    });
    expect(await host.report('failed')).toMatchObject({
      code: 'MOUNT_INVALID',
      message: "HOME is /, which can't be private",
      remedy: expect.stringContaining('HOME'),
    });
    await host.ended();
  });

  test("home: empty but for the working directory, and the command's own", async () => {
    const script = 'ls -A ~; cat README; echo kept >~/mine; cat ~/mine; echo done >result';
    expect(await inside({ privateHome: true }, script)).toBe('project\nproject/README\nkept\n');
    expect(existsSync(join(home, 'mine'))).toBe(false);
    expect(readFileSync(join(project, 'result'), 'utf8')).toBe('done\n');
  });

  test('/tmp and /var/tmp: the same', async () => {
    const script = 'ls -A /tmp; echo x >/tmp/kns-mine && cat README';
    expect(await inside({ privateTmp: true }, script)).toBe('project/README\n');
    expect(existsSync('/tmp/kns-mine')).toBe(false);
  });

  test('home within a file system that is read-only', async () => {
    const script = `ls -A ~; ${tried('.', home, '/tmp')}`;
    expect(await inside({ readOnly: true, privateHome: true, privateTmp: true }, script)).toBe(
      'project\nyes\nyes\nyes\n',
    );
  });
});

describe('by path', () => {
  test('hide: a directory is empty, a file can not be opened; neither can be written', async () => {
    const hide = ['secrets', '.profile'].map((name) => ({ kind: 'hide', target: join(home, name) }) as const);
    const script = `ls -A ~/secrets; cat ~/.profile 2>/dev/null || echo closed; ${tried('~/secrets')}; rm -f ~/.profile 2>/dev/null || echo busy`;
    expect(await inside({ mounts: hide }, script)).toBe('closed\nno\nbusy\n');
    expect(readFileSync(join(home, '.profile'), 'utf8')).toBe('.profile\n');
  });

  test('bind and ro-bind: directories and files, what is there and what is put elsewhere', async () => {
    const files: FileOptions = {
      privateHome: true,
      mounts: [
        { kind: 'bind', source: join(home, 'secrets'), target: join(home, 'secrets') },
        { kind: 'ro-bind', source: join(home, 'secrets'), target: join(home, 'deep/copy') },
        { kind: 'ro-bind', source: join(home, '.profile'), target: join(home, '.profile') },
      ],
    };
    const script = `cat ~/.profile ~/deep/copy/token; ${tried('~/secrets', '~/deep/copy')}; echo x 2>/dev/null >>~/.profile || echo no`;
    expect(await inside(files, script)).toBe('.profile\nsecrets/token\nyes\nno\nno\n');
    expect(existsSync(join(home, 'deep'))).toBe(false);
  });

  test('a later one covers an earlier, in the order that was given', async () => {
    const target = join(home, 'secrets');
    const tmpfs = { kind: 'tmpfs', target } as const;
    const bind = { kind: 'bind', source: project, target } as const;
    expect(await inside({ mounts: [tmpfs, bind] }, 'ls ~/secrets')).toBe('README\n');
    expect(await inside({ mounts: [bind, tmpfs] }, 'ls ~/secrets')).toBe('');
  });

  test('through links, of the target too', async () => {
    symlinkSync('secrets', join(home, 'linked'));
    const hide = { kind: 'hide', target: join(home, 'linked') } as const;
    expect(await inside({ mounts: [hide] }, 'ls -A ~/secrets ~/linked/')).not.toContain('token');
  });

  test('what is hidden stays so, whatever else is asked for', async () => {
    const secrets = join(home, 'secrets');
    const files: FileOptions = {
      hidden: [secrets, join(home, '.profile'), join(home, 'not-there')],
      mounts: [{ kind: 'bind', source: secrets, target: secrets }],
    };
    expect(await inside(files, 'ls -A ~/secrets; cat ~/.profile 2>/dev/null || echo closed')).toBe(
      'closed\n',
    );
  });

  test('what is hidden stays so in every other place where it is bound', async () => {
    const secrets = join(home, 'secrets');
    const files: FileOptions = {
      privateTmp: true,
      hidden: [secrets],
      mounts: [
        { kind: 'bind', source: home, target: '/tmp/home' },
        { kind: 'bind', source: secrets, target: '/tmp/itself' },
        { kind: 'ro-bind', source: join(secrets, 'token'), target: '/tmp/token' },
        { kind: 'bind', source: project, target: '/tmp/other' },
      ],
    };
    const script =
      'cat /tmp/home/.profile /tmp/other/README; ls -A /tmp/home/secrets /tmp/itself | grep -v :; cat /tmp/token 2>/dev/null || echo closed';
    expect((await inside(files, script)).trim()).toBe('.profile\nproject/README\n\nclosed');
  });

  test('what is hidden stays so where the root is bound, and so do /proc and /sys of the host', async () => {
    const agent = join(home, 'agent');
    await withSockets([agent], async () => {
      const hidden = [join(home, 'secrets'), join(home, '.profile'), agent];
      const mounts = [{ kind: 'bind', source: '/', target: '/mnt' }] as const;
      const script = `cat /mnt${project}/README; ls -A /mnt${home}/secrets /mnt/proc /mnt/sys | grep -v :; ls -d /sys/fs; cat /mnt${home}/.profile 2>/dev/null || echo closed; ls /proc/self/exe; perl -e '${CALLER}' /mnt${agent}`;
      expect((await inside({ hidden, mounts }, script)).split('\n')).toEqual([
        'project/README',
        '',
        '',
        '/sys/fs',
        'closed',
        '/proc/self/exe',
        `/mnt${agent}: none`,
        '',
      ]);
    });
  });

  test.each(['hosts', 'resolv.conf', 'nsswitch.conf'])(
    "MOUNT_INVALID: /etc/%s is the sandbox's own, a link or not",
    async (name) => {
      const target = `/etc/../etc/${name}`;
      for (const mount of [
        { kind: 'bind', source: join(home, '.profile'), target },
        { kind: 'hide', target },
        { kind: 'tmpfs', target },
      ] as const)
        expect(await refusal({ mounts: [mount] })).toMatchObject({
          code: 'MOUNT_INVALID',
          message: `${target}: this file is the sandbox's own`,
          remedy: expect.stringContaining('--alias'),
        });
    },
  );

  test('of /etc, which the sandbox has one of its own of', async () => {
    const mounts = [
      { kind: 'hide', target: '/etc/passwd' },
      { kind: 'ro-bind', source: project, target: '/etc/ssl' },
    ] as const;
    expect(await inside({ mounts }, 'cat /etc/passwd 2>/dev/null || echo closed; ls /etc/ssl')).toBe(
      'closed\nREADME\n',
    );
  });

  test('MOUNT_INVALID: nothing is made on the host for it', async () => {
    const missing = join(home, 'missing');
    const cases: FileOptions['mounts'] = [
      { kind: 'bind', source: missing, target: project },
      { kind: 'bind', source: project, target: missing },
      { kind: 'bind', source: project, target: join(home, '.profile') },
      { kind: 'ro-bind', source: join(home, '.profile'), target: project },
      { kind: 'tmpfs', target: missing },
      { kind: 'tmpfs', target: '/' },
      { kind: 'hide', target: missing },
      { kind: 'hide', target: 'relative' },
      { kind: 'bind', source: '/proc', target: '/proc' },
    ];
    for (const mount of cases)
      expect(await refusal({ mounts: [mount] })).toMatchObject({ code: 'MOUNT_INVALID' });
    expect(existsSync(missing)).toBe(false);
  });
});

describe('a /proc of the host’s elsewhere', () => {
  const prefix = ['unshare', '--map-root-user', '--mount', 'sh', '-c'];
  const set = 'mkdir "$HOME/jail" "$HOME/jail/a b" && mount --rbind /proc "$HOME/jail/a b" && exec "$@"';

  test('is hidden, wherever it is bound, or the root of any process of the user’s would be seen in it', async () => {
    const { stdout } = await runInSandbox(installation, {
      command: ['sh', '-c', 'ls -A ~/jail/*/ /tmp/home/jail/*/ | grep -v :; ls -d /tmp/home/project'],
      prefix: [...prefix, set, 'sh'],
      hostEnv: { HOME: home },
      env: { PATH: process.env['PATH'] ?? '', HOME: home },
      files: { privateTmp: true, mounts: [{ kind: 'bind', source: home, target: '/tmp/home' }] },
    });
    expect(stdout.trim()).toBe('/tmp/home/project');
  });

  test('is told by what mountinfo says', () => {
    const lines = [
      '22 28 0:20 / /proc rw,nosuid shared:12 - proc proc rw',
      '23 28 0:21 / /srv/a\\040b/proc rw,nosuid - proc none rw',
      '24 28 0:22 / /process rw - tmpfs proc rw',
    ];
    expect(procMounts(lines.join('\n'))).toEqual(['/proc', '/srv/a b/proc']);
  });
});

/** Runs on a host that has these sockets, in a mount namespace of its own; each says "outside" to who connects. */
async function withSockets<T>(paths: string[], run: () => Promise<T>): Promise<T> {
  const servers: Server[] = [];
  for (const path of paths) {
    const server = createServer((socket) => socket.end('outside')).listen(path);
    await once(server, 'listening');
    chmodSync(path, 0o777);
    servers.push(server);
  }
  try {
    return await run();
  } finally {
    for (const server of servers) server.close();
  }
}

/** As a cell of a table in Markdown. */
const list = (words: readonly string[]): string => words.map((word) => `\`${word}\``).join(' ');

/** Prints of each path what a connection says, or "none". */
const CALLER = `use IO::Socket::UNIX; for my $path (@ARGV) {
  my $socket = IO::Socket::UNIX->new(Peer => $path); print "$path: ", $socket ? <$socket> : "none", "\\n" }`;

const SSH = '/etc/ssh';
const ssh = existsSync(SSH) && spawnSync('ssh', ['-V']).error === undefined;

/** Root's own folder in the place of /etc/ssh, for an ordinary user. */
async function configured(script: string, change = 'true'): Promise<Outcome> {
  const { uid, gid } = ordinaryUser();
  const own = join(home, 'ssh');
  mkdirSync(join(own, 'conf.d'), { recursive: true });
  mkdirSync(join(home, '.ssh'));
  writeFileSync(join(own, 'ssh_config'), 'Host *\n  # first\n  include = conf.d/*.conf "more .conf"\n');
  writeFileSync(join(own, 'conf.d/1.conf'), 'Match host nowhere.test\n  Include 2/*/[a-c].conf\n');
  mkdirSync(join(own, '2/deep'), { recursive: true });
  writeFileSync(join(own, '2/deep/b.conf'), 'Port 22\n');
  writeFileSync(join(home, 'target'), 'Host in.test\n  Port 2201\n');
  symlinkSync(join(home, 'target'), join(own, 'conf.d/3.conf'));
  writeFileSync(join(own, 'more .conf'), 'Host quoted.test\n  Port 2202\n');
  writeFileSync(join(home, '.ssh/config'), 'Host user.test\n');
  const user = `exec setpriv --reuid=${uid} --regid=${gid} --clear-groups`;
  const mounts = `mount --bind ${own} ${SSH} && ${change}`;
  return runInSandbox(installation, {
    command: ['sh', '-c', script],
    cwd: project,
    env: { PATH: process.env['PATH'] ?? '', HOME: home },
    asRunner: true,
    prefix: ['unshare', '--mount', 'sh', '-c', `${mounts} && ${user} "$@"`, 'sh'],
  });
}

describe.runIf(process.getuid?.() === 0 && ssh)('what ssh reads of root', () => {
  test('is read, wherever an Include leads', async () => {
    const { stdout, stderr } = await configured(
      `for host in in.test quoted.test nowhere.test; do ssh -T -G $host | grep ^port; done
      cd ${SSH} && stat -Lc %u conf.d/1.conf conf.d/3.conf 2/deep/b.conf 'more .conf' ~/.ssh/config`,
    );
    const { uid } = ordinaryUser();
    expect({ stdout, stderr }).toEqual({
      stdout: `port 2201\nport 2202\nport 22\n${`${uid}\n`.repeat(5)}`,
      stderr: '',
    });
  });

  test('is refused where it is outside, and can not be changed', async () => {
    const { stdout, stderr } = await configured(
      `ssh -T -G in.test; cat ${SSH}/conf.d/3.conf; (echo >>${SSH}/conf.d/3.conf) 2>/dev/null || echo read-only`,
      `chmod o+w '${join(home, 'ssh/more .conf')}'`,
    );
    expect(stderr).toBe(`Bad owner or permissions on ${SSH}/more .conf\r\n`);
    expect(stdout).toBe('Host in.test\n  Port 2201\nread-only\n');
    expect(readFileSync(join(home, 'target'), 'utf8')).toBe('Host in.test\n  Port 2201\n');
  });
});

describe('name service daemons', () => {
  test('have sockets that can not be reached, whatever nsswitch.conf says', async () => {
    const paths = [
      'nscd/socket',
      'systemd/resolve/io.systemd.Resolve',
      'dbus/system_bus_socket',
      'avahi-daemon/socket',
    ];
    await withSockets(
      paths.map((path) => join(home, path.replaceAll('/', '-'))),
      async () => {
        // A /run of this host's own, with real sockets in their places.
        const place = paths.map((path) => {
          const target = `/run/${path}`;
          return `mkdir -p ${target.replace(/\/[^/]*$/, '')} && touch ${target} && mount --bind ${home}/${path.replaceAll('/', '-')} ${target}`;
        });
        const prefix = ['unshare', '--map-root-user', '--mount', 'sh', '-c'];
        const set = `mount -t tmpfs none /run && ${place.join(' && ')} && exec "$@"`;
        const asked = paths.map((path) => `/run/${path}`);
        const command = ['perl', '-e', CALLER, ...asked];
        const outside = spawn('unshare', ['-rm', 'sh', '-c', set, 'sh', ...command], {
          uid: ordinaryUser().uid,
          gid: ordinaryUser().gid,
          stdio: ['ignore', 'pipe', 'inherit'],
        });
        let said = '';
        outside.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
        await once(outside, 'close');
        expect(said).toBe(asked.map((path) => `${path}: outside\n`).join(''));
        const { stdout } = await runInSandbox(installation, { command, prefix: [...prefix, set, 'sh'] });
        expect(stdout).toBe(asked.map((path) => `${path}: none\n`).join(''));
      },
    );
  });
});

/**
 * A bubblewrap that is as strict as 0.4, where that is not what the tests have: none of the options that came later,
 * and no mount over what is neither a directory nor a regular file.
 */
const STRICT = `#!/bin/bash
later=' --clearenv --perms --size --chmod --add-seccomp-fd --disable-userns --assert-userns-disabled --argv0 --bind-fd --ro-bind-fd --overlay '
words=("$@")
for i in "\${!words[@]}"; do
  word=\${words[i]}
  [[ $word == -- ]] && break
  [[ $later == *" $word "* ]] && { echo "bwrap: Unknown option $word" >&2; exit 1; }
  [[ $word == --bind || $word == --ro-bind ]] || continue
  target=\${words[i + 2]}
  [[ -e $target && ! -d $target && ! -f $target ]] && { echo "bwrap: Can't create file at $target: No such device or address" >&2; exit 1; }
done
exec bwrap-of-the-tests "$@"
`;

describe('a bubblewrap of old', () => {
  let bin: string;
  beforeEach(() => {
    bin = join(home, 'bin');
    mkdirSync(bin);
    writeFileSync(join(bin, 'bwrap'), STRICT.replace('bwrap-of-the-tests', OLD ?? findBwrap()));
    chmodSync(join(bin, 'bwrap'), 0o755);
  });

  const outcome = (files: FileOptions, paths: readonly string[], env: Record<string, string> = {}) =>
    runInSandbox(installation, {
      command: ['perl', '-e', CALLER, ...paths],
      hostEnv: { PATH: `${bin}:${process.env['PATH']}` },
      env: { PATH: process.env['PATH'] ?? '', HOME: home, ...env },
      cwd: project,
      files,
    });

  test('hides sockets by their own paths, and leaves one that is asked for', async () => {
    const [agent = '', other = ''] = ['agent', 'other'].map((name) => join(home, name));
    await withSockets([agent, other], async () => {
      const env = { SSH_AUTH_SOCK: agent };
      const hide = { kind: 'hide', target: other } as const;
      const bind = { kind: 'bind', source: agent, target: agent } as const;
      expect((await outcome({ isolate: true, mounts: [hide] }, [agent, other], env)).stdout).toBe(
        `${agent}: none\n${other}: none\n`,
      );
      expect((await outcome({ isolate: true, mounts: [bind, hide] }, [agent, other], env)).stdout).toBe(
        `${agent}: outside\n${other}: none\n`,
      );
      // What shows a socket a second time hides it no less, and what covers its directory hides it anyway.
      const twice = { kind: 'ro-bind', source: agent, target: agent } as const;
      expect((await outcome({ hidden: [agent], mounts: [twice] }, [agent])).stdout).toBe(`${agent}: none\n`);
      const below = { isolate: true, privateHome: true, mounts: [hide] };
      await expect(outcome({ isolate: true, privateHome: true }, [agent, other], env)).resolves.toMatchObject(
        {
          stdout: `${agent}: none\n${other}: none\n`,
        },
      );
      expect(await refusal(below)).toMatchObject({ code: 'MOUNT_INVALID' });
    });
  });

  test('does all else as well', async () => {
    const files: FileOptions = {
      readOnly: true,
      privateHome: true,
      privateTmp: true,
      isolate: true,
      mounts: [{ kind: 'ro-bind', source: join(home, '.profile'), target: join(home, '.profile') }],
    };
    const { code, stderr } = await outcome(files, []);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });
});

describe('isolated', () => {
  test('sockets in /run, /tmp and where the environment says are gone, and so are the variables', async () => {
    const agent = join(home, 'agent');
    const temporary = join(tmpdir(), `kns-socket-${process.pid}`);
    const env = { PATH: process.env['PATH'] ?? '', HOME: home, SSH_AUTH_SOCK: agent, DISPLAY: ':0' };
    await withSockets([agent, temporary], async () => {
      const command = ['perl', '-e', `${CALLER} print join ",", sort keys %ENV`, agent, temporary];
      const run = async (isolate: boolean) =>
        (await runInSandbox(installation, { command, env, cwd: project, files: { isolate } })).stdout;
      expect(await run(false)).toBe(
        `${agent}: outside\n${temporary}: outside\nDISPLAY,HOME,PATH,PWD,SSH_AUTH_SOCK`.replace(',PWD', ''),
      );
      expect(await run(true)).toBe(`${agent}: none\n${temporary}: none\nHOME,PATH`);
    });
  });

  test('/run is empty and read-only, /tmp and /dev/shm are empty and writable', async () => {
    const script = `ls -A /run /tmp /dev/shm | grep -v : ; ${tried('/run', '/tmp', '/dev/shm', '.')}`;
    expect((await inside({ isolate: true }, script)).trim()).toBe('no\nyes\nyes\nyes');
  });

  test('where programs are found by links in /run, as on NixOS, they still are', async () => {
    const store = join(home, 'store');
    mkdirSync(store);
    symlinkSync('/bin', join(store, 'bin'));
    const script = `mount -t tmpfs none /run && ln -s ${store} /run/current-system && touch /run/other && exec "$@"`;
    const { stdout } = await runInSandbox(installation, {
      command: ['sh', '-c', 'command -v ls; ls -A /run'],
      prefix: ['unshare', '--map-root-user', '--mount', 'sh', '-c', script, 'sh'],
      env: { PATH: '/run/current-system/bin', HOME: home },
      files: { isolate: true },
    });
    expect(stdout).toBe('/run/current-system/bin/ls\ncurrent-system\n');
  });

  test('one socket can be let in by its path', async () => {
    const agent = join(home, 'agent');
    await withSockets([agent], async () => {
      const files: FileOptions = {
        isolate: true,
        mounts: [{ kind: 'bind', source: agent, target: '/run/user/agent' }],
      };
      const { stdout } = await runInSandbox(installation, {
        command: ['perl', '-e', CALLER, '/run/user/agent'],
        files,
      });
      expect(stdout).toBe('/run/user/agent: outside\n');
    });
  });

  test('each thing once, though /var/run is a link to /run', () => {
    const { args } = fileView(
      { isolate: true },
      { env: { XDG_RUNTIME_DIR: '/run' }, home, cwd: Buffer.from('/') },
      true,
    );
    const targets = args.filter((_, i) => args[i - 1] === '--tmpfs');
    expect(targets).toContain('/run');
    expect(targets).toEqual([...new Set(targets)]);
  });

  test('the table in the documentation is the one in the code', () => {
    const page = readFileSync(join(import.meta.dirname, '../../docs/sandbox.md'), 'utf8');
    const rows = [...page.matchAll(/^\| (always|`--isolate`|own) \| (.*) \| (.*) \| (.*) \|$/gm)].map((row) =>
      row.slice(1, 5),
    );
    const expected = [
      ...HIDDEN_ALWAYS.map(({ what, paths, variables }) => ['always', what, list(paths), list(variables)]),
      ...HIDDEN_ISOLATED.map(({ what, paths, variables }) => [
        '`--isolate`',
        what,
        list(paths),
        list(variables),
      ]),
      ['own', 'empty, and writable', list(PRIVATE_ISOLATED), ''],
    ];
    expect(rows).toEqual(expected);
  });
});
