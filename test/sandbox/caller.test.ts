/** The shell script that starts Node, and what it notes of its caller. */

import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readCallerState } from '../../sandbox/index.ts';

const SHIM = join(import.meta.dirname, '../../sandbox/shim/kns-rootless');

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'kns-shim-'));
  copyFileSync(SHIM, join(folder, 'kns-rootless'));
  chmodSync(join(folder, 'kns-rootless'), 0o755);
  writeFileSync(
    join(folder, 'cli.cjs'),
    'console.log(JSON.stringify([process.env.KNS_ROOTLESS_CALLER, ...process.argv.slice(2)]))',
  );
  mkdirSync(join(folder, 'threads'));
  copyFileSync(join(folder, 'kns-rootless'), join(folder, 'threads/kns-rootless'));
  writeFileSync(
    join(folder, 'threads/cli.cjs'),
    "console.log(require('node:fs').readdirSync('/proc/self/task').length)",
  );
  mkdirSync(join(folder, 'environment'));
  copyFileSync(join(folder, 'kns-rootless'), join(folder, 'environment/kns-rootless'));
  writeFileSync(join(folder, 'environment/cli.cjs'), 'console.log(JSON.stringify(process.env))');
  symlinkSync('kns-rootless', join(folder, 'linked'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const run = (script: string): unknown =>
  JSON.parse(execFileSync('sh', ['-c', script], { cwd: folder, encoding: 'utf8' }));

function notedFds(script: string): string[] {
  const [note = ''] = run(script) as string[];
  return (/fds=([\d,]*)/.exec(note)?.[1] ?? '').split(',').filter((fd) => fd !== '');
}

function threadsBy(nodeOptions: string): number {
  return Number(run(`NODE_OPTIONS='${nodeOptions}' threads/kns-rootless`));
}

const isThere = (shell: string) => spawnSync(shell.replace(/ .*/, ''), ['-c', ':']).error === undefined;

describe('the script', () => {
  test('notes the soft limit of open files and the ignored signals, and passes the arguments', () => {
    expect(run("ulimit -Sn 512; trap '' HUP INT; ./kns-rootless 'a  b' -c ''")).toEqual([
      expect.stringMatching(/^nofile=512 sigign=0000000000000003 fds=/),
      'a  b',
      '-c',
      '',
    ]);
  });

  test('notes the files that its caller had open, and none of its own', () => {
    const before = notedFds('exec ./kns-rootless');
    const after = notedFds('exec 5</dev/null 8>&1; exec ./kns-rootless');
    expect(after.sort()).toEqual([...before, '5', '8'].sort());
    // The shell's own copy of the script, in every shell's place for it.
    expect(before).not.toContain('10');
  });

  test('finds its place through links, and by PATH', () => {
    expect(run(`cd / && ${folder}/linked x`)).toEqual([expect.stringContaining('nofile='), 'x']);
    expect(run(`cd / && PATH=${folder}:$PATH kns-rootless x`)).toEqual([
      expect.stringContaining('nofile='),
      'x',
    ]);
    expect(run('sh kns-rootless x')).toEqual([expect.stringContaining('nofile='), 'x']);
  });

  test("starts Node with one thread of V8's own, unless NODE_OPTIONS names another number", () => {
    const most = threadsBy('--v8-pool-size=3');
    expect(threadsBy('--v8_pool_size 2')).toBe(most - 1);
    expect(threadsBy('')).toBe(most - 2);
    expect(threadsBy('--no-deprecation')).toBe(most - 2);
  });

  /** Whatever the system's sh is: that of Debian and Ubuntu, of Fedora and Arch, of Alpine, of others. */
  const shells = ['sh', 'dash', 'bash --posix', 'busybox sh', 'mksh'];
  test.each(shells.filter(isThere))('leaves the environment to the command as it is, by %s', (shell) => {
    const [file = '', ...args] = shell.split(' ');
    // What the script might call its own, and what is no name to a shell.
    const named = {
      key: 'k',
      value: 'v',
      path: 'p',
      fd: 'f',
      self: 's',
      fds: '7',
      hard: '8',
      ignored: '9',
      KNS_ROOTLESS_CALLER_9: Buffer.from('PATH=/nonexistent\0').toString('base64'),
    };
    const odd = {
      'BASH_FUNC_f%%': '() {  echo a;\n echo b\n}',
      'spring.profiles.active': 'test',
      'INPUT_MY-TOKEN': '=x=\n',
      ü: 'ö',
      '1st': '',
      ' ': ' ',
      'long-1': 'x'.repeat(110_000),
      'long-2': 'y'.repeat(110_000),
    };
    const env = { PATH: process.env['PATH'] ?? '', ...named, ...odd };
    const script = join(folder, 'environment/kns-rootless');
    const output = execFileSync(file, [...args, script], { env, encoding: 'utf8' });
    const seen = JSON.parse(output) as Record<string, string>;
    readCallerState(seen);
    for (const own of ['_', 'PWD', 'OLDPWD', 'SHLVL']) delete seen[own];
    expect(seen).toEqual(env);
  });

  test.each([14, 20, 63])('says so when no more than %d files may be open', (limit) => {
    const output = execFileSync('sh', ['-c', `ulimit -n ${limit}; ./kns-rootless 2>&1; echo "exit $?"`], {
      cwd: folder,
      encoding: 'utf8',
    });
    expect(output).toMatch(
      new RegExp(`^kns-rootless: no more than ${limit} .*\\[OPEN_FILES_LIMIT\\].*\nexit 125\n$`),
    );
  });

  test('says so when there is no node', () => {
    const script = `PATH=/nonexistent /bin/sh ${folder}/kns-rootless 2>&1; echo "exit $?"`;
    const output = execFileSync('sh', ['-c', script], { encoding: 'utf8' });
    expect(output).toMatch(/^kns-rootless: node is not in PATH \[NODE_MISSING\]: .*\nexit 125\n$/);
  });
});

describe('the note', () => {
  test('may name open files', () => {
    const note = 'nofile=1 sigign=0 fds=';
    expect(readCallerState({ KNS_ROOTLESS_CALLER: `${note}3,12` }).openFds).toEqual([3, 12]);
    expect(readCallerState({ KNS_ROOTLESS_CALLER: note }).openFds).toEqual([]);
  });

  test('is read, and taken out of the environment', () => {
    const env = { KNS_ROOTLESS_CALLER: 'nofile=1024 sigign=0000000000001001', HOME: '/' };
    expect(readCallerState(env)).toEqual({ openFiles: 1024, ignoredSignals: 0x1001n });
    expect(env).toEqual({ HOME: '/' });
  });

  test('may say that there is no limit', () => {
    expect(readCallerState({ KNS_ROOTLESS_CALLER: 'nofile=unlimited sigign=0' }).openFiles).toBe('unlimited');
  });

  test.each([undefined, '', 'nofile=x sigign=0', 'nofile=1 sigign=zz', 'nofile=1 sigign=0 more'])(
    'counts for nothing when it is %j',
    (note) => {
      const env = { KNS_ROOTLESS_CALLER: note };
      expect(readCallerState(env)).toEqual({ openFiles: undefined, ignoredSignals: 0n });
      expect('KNS_ROOTLESS_CALLER' in env).toBe(false);
    },
  );
});
