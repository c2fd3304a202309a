/** What the command finds around it besides the network, option by option, as an ordinary user has it. */

import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runProgram, type RunResult } from '../support/program.ts';

let folder: string;
let home: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'kns-isolation-'));
  home = join(folder, 'home');
  mkdirSync(home);
  for (const path of [folder, home]) chmodSync(path, 0o777);
  writeFileSync(join(home, 'letter'), 'private\n');
  chmodSync(join(home, 'letter'), 0o666);
});
afterAll(() => rmSync(folder, { recursive: true }));

interface Around {
  readonly env?: Readonly<Record<string, string>>;
  readonly prefix?: readonly string[];
}

/** Runs a script with these options; the Services are there with each of them. */
async function run(options: readonly string[], script: string, around: Around = {}): Promise<RunResult> {
  const args = ['-n', 'e2e', ...options, '--', 'sh', '-c', `curl -sS http://web/healthz; ${script}`];
  const result = await runProgram(args, { ...around, env: { HOME: home, ...around.env } });
  expect(result.stdout).toMatch(/^ok\n/);
  return { ...result, stdout: result.stdout.slice('ok\n'.length) };
}

describe('files', () => {
  test('without an option they are as outside', async () => {
    const { stdout } = await run([], 'cat ~/letter; echo more >> ~/letter && echo written');
    expect(stdout).toBe('private\nwritten\n');
  });

  test('--ro', async () => {
    const { stdout, stderr } = await run(['--ro'], 'echo more >> ~/letter || echo refused');
    expect(stdout).toBe('refused\n');
    expect(stderr).toContain('Read-only file system');
  });

  test('--private-home', async () => {
    const { stdout } = await run(['--private-home'], 'ls -A ~; touch ~/own && ls -A ~');
    expect(stdout).toBe('own\n');
  });

  test('--private-tmp', async () => {
    const { stdout } = await run(['--private-tmp'], 'touch /tmp/own /var/tmp/own; ls -A /tmp /var/tmp');
    expect(stdout).toBe('/tmp:\nown\n\n/var/tmp:\nown\n');
  });

  test('--tmpfs, --bind, --ro-bind and --hide, a later one over an earlier', async () => {
    const letter = join(home, 'letter');
    const options = [
      ['--tmpfs', home],
      ['--bind', `${letter}:${home}/writable`],
      ['--ro-bind', `${letter}:${home}/readable`],
      ['--ro-bind', `${letter}:${home}/hidden`],
      ['--hide', `${home}/hidden`],
    ].flat();
    const { stdout, stderr } = await run(
      options,
      'ls ~; for file in writable readable; do echo more >> ~/$file && echo $file; done; cat ~/hidden || echo gone',
    );
    expect(stdout).toBe('hidden\nreadable\nwritable\nwritable\ngone\n');
    expect(stderr).toContain('Permission denied');
  });

  test('--isolate hides sockets, and takes away the variables that lead there', async () => {
    const agent = join(folder, 'agent');
    writeFileSync(agent, 'secret');
    chmodSync(agent, 0o666);
    const env = { SSH_AUTH_SOCK: agent, DISPLAY: ':0' };
    const script = `cat ${agent}; echo "[$SSH_AUTH_SOCK$DISPLAY]"`;
    expect((await run([], script, { env })).stdout).toBe(`secret[${agent}:0]\n`);
    expect((await run(['--isolate'], script, { env })).stdout).toBe('[]\n');
  });
});

describe('privileges', () => {
  test('without an option there is none, and with --net-admin there is that over the own network', async () => {
    const script = 'grep CapEff /proc/self/status | cut -f2; test -e /sys/class/net/kns0 && echo kns0';
    expect((await run([], script)).stdout).toBe('0000000000000000\nkns0\n');
    const { stdout } = await run(['--net-admin'], script);
    // CAP_NET_ADMIN is 12 and CAP_NET_RAW 13, see capabilities(7).
    expect(stdout).toBe('0000000000003000\nkns0\n');
  });

  test('whoever starts it with ambient capabilities, the command has none', async () => {
    const prefix = ['unshare', '--user', '--map-current-user', '--keep-caps'];
    const { stdout } = await run([], "grep -E 'Cap(Eff|Prm|Amb)' /proc/self/status | cut -f2 | uniq", {
      prefix,
    });
    expect(stdout).toBe('0000000000000000\n');
  });

  test('--uid and --gid', async () => {
    expect((await run(['--uid', '0', '--gid', '7'], 'id -u; id -g')).stdout).toBe('0\n7\n');
  });

  test('--no-nested-userns', async () => {
    const script = 'unshare --user true 2>/dev/null && echo made';
    expect((await run([], script)).stdout).toBe('made\n');
    expect((await run(['--no-nested-userns'], script)).stdout).toBe('');
  });
});

describe('processes and open files', () => {
  test('--share-pid', async () => {
    const script = `test -e /proc/${process.pid}/stat && echo seen`;
    expect((await run([], script)).stdout).toBe('');
    expect((await run(['--share-pid'], script)).stdout).toBe('seen\n');
  });

  test('--fd', async () => {
    const prefix = ['sh', '-c', 'exec "$@" 3<"$HOME/letter"', 'sh'];
    const script = 'cat <&3';
    expect((await run(['--fd', '3'], script, { prefix })).stdout).toMatch(/^private\n/);
    const closed = await run([], script, { prefix });
    expect(closed.stdout).toBe('');
    expect(closed.stderr).toMatch(/3: Bad file descriptor/);
  });

  test('--link veth', async () => {
    const { stdout } = await run(
      ['--link', 'veth'],
      'cat /sys/class/net/kns0/type; curl -sS http://web/healthz',
    );
    // ARPHRD_ETHER, where a tun device has ARPHRD_NONE.
    expect(stdout).toBe('1\nok\n');
  });

  test('--link goes before $KNS_ROOTLESS_LINK', async () => {
    const env = { KNS_ROOTLESS_LINK: 'veth' };
    const script = 'cat /sys/class/net/kns0/type';
    expect((await run([], script, { env })).stdout).toBe('1\n');
    expect((await run(['--link', 'tun'], script, { env })).stdout).toBe('65534\n');
  });
});
