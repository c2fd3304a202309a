/** The command sees what its caller would have given it, and its end is told faithfully. */

import { chmodSync, closeSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Host, type Installation, installHost, runInSandbox } from './support/host.ts';
import { oddFolder } from './support/odd-folder.ts';

let installation: Installation;
beforeAll(async () => {
  installation = await installHost();
});
afterAll(() => installation.remove());

const shell = (script: string, more = {}) =>
  runInSandbox(installation, { command: ['sh', '-c', script], ...more });

describe('exit', () => {
  test("the command's code", async () => {
    expect(await shell('exit 7')).toMatchObject({ code: 7, stderr: '' });
    expect((await shell('exit 0')).code).toBe(0);
    expect((await shell('exit 125')).code).toBe(125);
  });

  test('128 and the signal that ended it', async () => {
    expect((await shell('kill -TERM $$')).code).toBe(143);
    expect((await shell('kill -KILL $$')).code).toBe(137);
  });

  test('127 and a line as shells say it, when there is no such command', async () => {
    expect(await runInSandbox(installation, { command: ['no-such-command'] })).toEqual({
      code: 127,
      stdout: '',
      stderr: 'kns-rootless: no-such-command: command not found\n',
    });
    expect((await runInSandbox(installation, { command: ['/no/such/file'] })).code).toBe(127);
  });

  test('126 when it may not be executed', async () => {
    const { code, stderr } = await runInSandbox(installation, { command: ['/etc/passwd'] });
    expect(code).toBe(126);
    expect(stderr).toBe('kns-rootless: /etc/passwd: Permission denied\n');
  });

  test('an empty entry of PATH is the working directory, wherever it stands', async () => {
    const folder = join(installation.folder, 'entries');
    mkdirSync(folder);
    writeFileSync(join(folder, 'not-executable'), '');
    for (const PATH of ['', ':/usr/bin', '/usr/bin:', '/usr/bin::/bin'])
      expect(
        await runInSandbox(installation, { command: ['not-executable'], cwd: folder, env: { PATH } }),
      ).toMatchObject({ code: 126, stderr: 'kns-rootless: not-executable: Permission denied\n' });
  });

  test('126 when the working directory is not there', async () => {
    const { code, stderr } = await runInSandbox(installation, { command: ['true'], cwd: '/no/such/place' });
    expect({ code, stderr }).toEqual({
      code: 126,
      stderr:
        'kns-rootless: /no/such/place: No such file or directory: start from a directory that the sandbox has (cd /)\n',
    });
  });

  test('a daemon that is left behind ends with the command', async () => {
    const { code } = await shell('sleep 1000 & exit 3');
    expect(code).toBe(3);
  });
});

describe('signals', () => {
  test('reach the command itself', async () => {
    const host = new Host(installation, {
      command: ['sh', '-c', 'trap "echo caught; exit 9" TERM; echo ready; sleep 1000 & wait'],
    });
    await host.report('launched');
    host.tell({ kind: 'start' });
    await host.printed('ready');
    host.tell({ kind: 'signal', signo: 15 });
    expect((await host.report('exited')).code).toBe(9);
    expect(host.stdout).toContain('caught');
    await host.ended();
  });

  test('one that comes before the command has started is not lost', async () => {
    const host = new Host(installation, { command: ['sh', '-c', 'echo ran'] });
    await host.report('launched');
    host.tell({ kind: 'signal', signo: 15 });
    host.tell({ kind: 'start' });
    expect((await host.report('exited')).code).toBe(143);
    await host.ended();
    expect(host.stdout).toBe('');
  });

  test('one to the whole process group is for the command alone to judge', async () => {
    // timeout(1) and `kill 0` do so; bubblewrap would die of it and take the command along.
    const host = new Host(installation, {
      command: ['sh', '-c', 'trap "exit 4" TERM; kill -TERM 0; exit 5'],
      prefix: ['setsid'],
    });
    await host.report('launched');
    host.tell({ kind: 'start' });
    expect((await host.report('exited')).code).toBe(4);
    await host.ended();
  });

  test('what the caller ignored stays ignored, all else is at its default', async () => {
    const read = 'grep SigIgn /proc/self/status';
    const note = { KNS_ROOTLESS_CALLER: 'nofile=512 sigign=0000000000000003' };
    expect((await shell(read, { hostEnv: note })).stdout).toMatch(/SigIgn:\s+0{15}3\n/);
    expect((await shell(read)).stdout).toMatch(/SigIgn:\s+0{16}\n/);
  });
});

describe('what the command inherits', () => {
  test('the soft limit of open files as the caller had it', async () => {
    const note = { KNS_ROOTLESS_CALLER: 'nofile=512 sigign=0' };
    expect((await shell('ulimit -Sn', { hostEnv: note })).stdout).toBe('512\n');
  });

  test('the environment, and nothing of ours', async () => {
    const env = { PATH: '/usr/bin:/bin', PWD: '/not/where/we/are', ODD: 'a\nb=c', EMPTY: '' };
    const { stdout } = await runInSandbox(installation, { command: ['env', '-0'], env });
    const seen = stdout.split('\0').filter((line) => line !== '');
    expect(seen.sort()).toEqual(['EMPTY=', 'ODD=a\nb=c', 'PATH=/usr/bin:/bin', 'PWD=/not/where/we/are']);
    const none = await runInSandbox(installation, { command: ['env'], env: { PATH: '/usr/bin:/bin' } });
    expect(none.stdout).toBe('PATH=/usr/bin:/bin\n');
  });

  test('more arguments than bubblewrap takes, each as it is', async () => {
    const numbers = Array.from({ length: 10_000 }, (_, i) => String(i));
    const command = ['sh', '-c', 'echo $#; shift 9999; printf "%s" "$@"', 'sh', ...numbers];
    expect((await runInSandbox(installation, { command })).stdout).toBe('10000\n9999');
    const odd = ['', ' a  b ', 'line\nbreak', '-', 'ü', ''];
    const { stdout } = await runInSandbox(installation, { command: ['printf', '%s|', ...odd] });
    expect(stdout).toBe(`${odd.join('|')}|`);
  });

  test('the standard three files alone', async () => {
    // Node leaves what lies behind a gap as it is, and its children would have it.
    const leak = ['sh', '-c', 'exec 9</dev/null; exec "$@"', 'sh', 'perl', '-e'];
    const far = 'use POSIX; POSIX::dup2(9, 200); $^F = 255; open my $f, "<&=200"; exec @ARGV';
    const { stdout } = await runInSandbox(installation, {
      command: ['ls', '/proc/self/fd'],
      prefix: [...leak, far],
    });
    // The last is the directory that ls reads.
    expect(stdout).toBe('0\n1\n2\n3\n');
  });

  test('other files on request, under their own numbers, whichever these are on the way', async () => {
    const files = ['first', 'second', 'third'].map((name) => {
      writeFileSync(join(installation.folder, name), `${name}\n`);
      return openSync(join(installation.folder, name), 'r');
    });
    // 5 and 6 are our own on the way through bubblewrap; 5 is not asked for.
    const { stdout } = await shell('cat <&4; cat <&6; exec ls /proc/self/fd', {
      open: files,
      fds: [6, 4],
    });
    for (const file of files) closeSync(file);
    // The directory that ls reads is 3, the first that is free.
    expect(stdout).toBe('first\nthird\n0\n1\n2\n3\n4\n6\n');
  });

  test('another file on request whose number is the last that may be open', async () => {
    const set = 'ulimit -n 64; exec "$@"';
    const last =
      'use POSIX; $^F = 63; open my $f, "<", "/etc/passwd"; POSIX::dup2(fileno $f, 63); exec @ARGV';
    const { stdout, stderr } = await shell('cmp /proc/self/fd/63 /etc/passwd && echo same', {
      prefix: ['sh', '-c', set, 'sh', 'perl', '-e', last],
      fds: [63],
    });
    expect({ stdout, stderr }).toEqual({ stdout: 'same\n', stderr: '' });
  });

  test('sockets of socket activation, and the pid that they are meant for', async () => {
    // The tests' own channel to the host has the number 3: what is asked for is all that counts here.
    const env = { PATH: process.env['PATH'] ?? '', LISTEN_FDS: '1', LISTEN_PID: '1' };
    const { stdout } = await shell('test "$LISTEN_PID" = $$ && echo mine', { fds: [3], env });
    expect(stdout).toBe('mine\n');
  });

  test('FD_INVALID: what is not open, or is no number of a file', async () => {
    const note = { KNS_ROOTLESS_CALLER: 'nofile=1024 sigign=0 fds=4' };
    const file = openSync('/dev/null', 'r');
    for (const fds of [[99], [2], [-1], [1.5], [5], Array.from({ length: 65 }, (_, i) => i + 3)]) {
      // 5 is open, but was not when the host was started.
      const host = new Host(installation, { command: ['true'], hostEnv: note, open: [file, file], fds });
      expect(await host.report('failed')).toMatchObject({ code: 'FD_INVALID' });
      await host.ended();
    }
    closeSync(file);
  });

  test('stdin, stdout and stderr, each its own', async () => {
    const outcome = await shell('cat; echo lost >&2', { input: 'through and through' });
    expect(outcome).toEqual({ code: 0, stdout: 'through and through', stderr: 'lost\n' });
  });

  test('the working directory, in /etc too', async () => {
    expect((await shell('pwd -P', { cwd: '/usr/share' })).stdout).toBe('/usr/share\n');
    // Entered before the mounts were made it would be the host's /etc.
    expect((await shell('ls -a | grep -c kns-host', { cwd: '/etc' })).stdout).toBe('1\n');
  });

  test('the working directory and PWD where the name is no UTF-8', async () => {
    const { prefix, hex } = oddFolder(installation);
    const command = ['perl', '-MCwd', '-e', 'print unpack("H*", getcwd), " ", unpack("H*", $ENV{PWD})'];
    const { stdout } = await runInSandbox(installation, { command, prefix });
    expect(stdout).toBe(`${hex} ${hex}`);
  });

  test('a script without an interpreter line runs by sh, as execvp(3) has it', async () => {
    const script = join(installation.folder, 'plain-script');
    writeFileSync(script, 'echo "ran $1"\n');
    chmodSync(script, 0o755);
    expect((await runInSandbox(installation, { command: [script, 'well'] })).stdout).toBe('ran well\n');
  });
});
