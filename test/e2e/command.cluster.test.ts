/** The command: its exit code, its streams, its surroundings. */

import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { once } from 'node:events';
import { suitesConfig } from '../support/changeable-cluster.ts';
import { fromSetup, inSandbox, runProgram, type RunResult, startProgram } from '../support/program.ts';
import { PROGRAM_DEFAULTS } from '../support/program-defaults.ts';

describe('exit code', () => {
  test.each([
    ['exit 7', 7],
    ['true', 0],
    ['kill -TERM $$', 143],
    ['kill -KILL $$', 137],
    ['exit 128', 128],
  ])('sh -c "%s" gives %d', async (script, code) => {
    expect(await inSandbox(script)).toMatchObject({ code, stdout: '', stderr: '' });
  });

  test('127 for a command that is not there, 126 for one that can not be run', async () => {
    expect(await runProgram(['-n', 'e2e', '--', 'no-such-program'])).toMatchObject({
      code: 127,
      stderr: expect.stringContaining('no-such-program: command not found'),
    });
    expect(await runProgram(['-n', 'e2e', '--', '/etc/passwd'])).toMatchObject({
      code: 126,
      stderr: expect.stringMatching(/\/etc\/passwd: permission denied/i),
    });
  });
});

describe('streams', () => {
  test('stdin, stdout and stderr are the command alone', async () => {
    const result = await inSandbox('cat; echo error >&2', { input: 'line 1\nline 2\n' });
    expect(result).toMatchObject({ code: 0, stdout: 'line 1\nline 2\n', stderr: 'error\n' });
  });

  test('-v tells of context, namespace and Services on stderr', async () => {
    const { stdout, stderr } = await runProgram(['-v', '-n', 'e2e', '--', 'echo', 'done']);
    expect(stdout).toBe('done\n');
    expect(stderr).toMatch(/^kns-rootless: context \S+, namespace e2e, \d+ Services$/m);
  });

  test('-vv tells of each connection: the pod, and at its end the bytes', async () => {
    const { stdout, stderr } = await runProgram([
      '-vv',
      '-n',
      'e2e',
      '--',
      'curl',
      '-sS',
      'http://web/healthz',
    ]);
    expect(stdout).toBe('ok\n');
    const [, port, pod] =
      /web\.e2e:80: port (\d+) is connected to pod (e2e\/web-\S+:8080)\n/.exec(stderr) ?? [];
    expect(stderr).toContain(`web.e2e:80: connection from port ${port}\n`);
    expect(stderr).toMatch(
      new RegExp(
        `web\\.e2e:80: port ${port} closed after \\d+ ms, \\d+ bytes sent, \\d+ received \\(pod ${pod}\\)\n`,
      ),
    );
  });

  test('--log-file has what -v tells, and stderr does not; an error is in both', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'kns-log-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    chmodSync(folder, 0o777);
    const file = join(folder, 'log');
    const run = (...args: string[]) =>
      runProgram(['-v', '--log-file', file, '-n', 'e2e', ...args, '--', 'true']);
    expect(await run()).toMatchObject({ code: 0, stderr: '' });
    const failed = await run('--pick', 'svc/nowhere');
    expect(failed).toMatchObject({
      code: 125,
      stderr: expect.stringMatching(/^kns-rootless: .*\[PICK_UNKNOWN\]/),
    });
    const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
    expect(lines).toContainEqual(
      expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:]{8}\.\d{3}Z context \S+, namespace e2e, \d+ Services$/),
    );
    expect(lines.at(-1)).toContain(failed.stderr.trim().replace('kns-rootless:', ''));
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  test('why a Service can not be reached is told once, without -v', async () => {
    const script = 'for at in sick sick web:81 web:82; do curl -s --max-time 5 http://$at/; done; true';
    const { stderr } = await runProgram(['-n', 'e2e', '--', 'sh', '-c', script]);
    expect(stderr.trim().split('\n')).toEqual([
      'kns-rootless: sick.e2e:80: refused, it has no ready pod',
      'kns-rootless: web.e2e:81: refused, the Service has no such port: it has 80',
    ]);
  });
});

/** By a shell outside, as the ordinary user. */
function shell(script: string): Promise<RunResult> {
  return runProgram([], { prefix: ['sh', '-c', script] });
}

describe('pipes', () => {
  const program = fromSetup('KNS_TEST_PROGRAM');

  test('it is a filter like any other', async () => {
    const { code, stdout } = await shell(`seq 100000 | ${program} -n e2e -- wc -l | tr 0 o`);
    expect({ code, stdout }).toEqual({ code: 0, stdout: '1ooooo\n' });
    expect((await shell(`${program} -n e2e -- cat </etc/passwd`)).stdout).toBe(
      readFileSync('/etc/passwd', 'utf8'),
    );
  });

  test('what was started before it by its own process is left alone', async () => {
    const { code, stdout } = await shell(
      `sleep 1000 >/dev/null 2>&1 & echo $!; exec ${program} -n e2e -- sh -c 'exit 3'`,
    );
    expect(code).toBe(3);
    // Throws where there is no such process.
    process.kill(Number(stdout), 'SIGKILL');
  });
});

describe('streams that nobody reads', () => {
  test('a stdout that is closed ends the command as in any pipeline', async () => {
    // The outer sandbox is a shell as good as any; what counts is how the program in it is started.
    const program = fromSetup('KNS_TEST_PROGRAM');
    const pipeline = `{ ${program} --demo -- yes; echo "code $?" >&2; } | head -n 1`;
    expect(await inSandbox(pipeline)).toMatchObject({ stdout: 'y\n', stderr: 'code 141\n' });
  });

  test('a stderr that is closed silences us, and leaves the command alone', async () => {
    const script = 'getent hosts web >&2; curl -s --max-time 5 http://web/whoami >/dev/null && exit 4';
    const child = startProgram(['-vv', '-n', 'e2e', '--', 'sh', '-c', `trap '' PIPE; ${script}`]);
    child.stderr?.destroy();
    child.stdout?.resume();
    await once(child, 'close');
    expect([child.exitCode, child.signalCode]).toEqual([4, null]);
  });

  test.each(['<&-', '>&-', '2>&-', '<&- >&- 2>&-'])('closed from the start: %s', async (closed) => {
    const program = fromSetup('KNS_TEST_PROGRAM');
    const { code } = await inSandbox(`${program} --demo -- sh -c 'exit 9' ${closed}`);
    expect(code).toBe(9);
  });
});

describe('several', () => {
  test('at once do not meet', async () => {
    const runs = Array.from({ length: 4 }, (_, i) => inSandbox(`curl -sS http://web/whoami && exit ${i}`));
    const results = await Promise.all(runs);
    expect(results.map(({ code, stderr }) => ({ code, stderr }))).toEqual(
      results.map((_, code) => ({ code, stderr: '' })),
    );
  });

  test('one in the other: names, files and network are those of the inner one', async () => {
    const inner = 'getent hosts line.demo >/dev/null && curl -sS http://web/ && ls /sys/class/net';
    const { code, stdout } = await inSandbox(`${fromSetup('KNS_TEST_PROGRAM')} --demo -- sh -c '${inner}'`);
    expect(code).toBe(0);
    expect(stdout).toMatch(/embedded demo cluster[^]*\nkns0\nlo\n$/);
  });
});

describe('surroundings', () => {
  test('without a command, $SHELL runs', async () => {
    const { code, stdout } = await runProgram(['-n', 'e2e'], { input: 'echo "$0 in $PWD"; exit 3\n' });
    expect({ code, stdout }).toEqual({ code: 3, stdout: '/bin/sh in /\n' });
  });

  test('a command may have 100,000 arguments', async () => {
    const numbers = Array.from({ length: 100_000 }, (_, i) => String(i));
    const command = ['sh', '-c', 'echo $#', 'sh', ...numbers];
    expect(await runProgram(['-n', 'e2e', '--', ...command])).toMatchObject({ code: 0, stdout: '100000\n' });
  });

  test('an argument may be no text', async () => {
    const show = ['sh', '-c', 'printf "%s|" "$@" | od -An -tx1', 'sh', 'ü'];
    const prefix = ['sh', '-c', `exec "$@" "$(printf 'a\\377b')" ''`, 'sh'];
    const { stdout } = await runProgram(['-n', 'e2e', '--', ...show], { prefix });
    expect(stdout.trim()).toBe('c3 bc 7c 61 ff 62 7c 7c');
  });

  test('working directory and environment are kept, and of ours is added which sandbox it is', async () => {
    const folder = mkdtempSync(`${tmpdir()}/kns-cwd-`);
    const { stdout } = await inSandbox('pwd; env | grep -v ^PWD= | sort', {
      env: { MARK: 'with space' },
      cwd: '/tmp',
    });
    rmSync(folder, { recursive: true });
    const [cwd, ...env] = stdout.trim().split('\n');
    expect(cwd).toBe('/tmp');
    const names = env
      .map((line) => line.split('=')[0])
      .filter((name) => !['_', 'OLDPWD', 'SHLVL'].includes(name));
    const given = ['HOME', 'KUBECONFIG', 'MARK', 'PATH', 'SHELL', ...Object.keys(PROGRAM_DEFAULTS)];
    const ours = ['KNS_ROOTLESS', 'KNS_ROOTLESS_CONTEXT', 'KNS_ROOTLESS_NAMESPACE'];
    expect(names).toEqual([...given, ...ours].sort());
    expect(env).toContain('MARK=with space');
  });

  test('a variable may have any name', async () => {
    const given = [
      'value=v',
      'path=p',
      'spring.profiles.active=test',
      'INPUT_MY-TOKEN=t',
      'BASH_FUNC_f%%=() { :; }',
    ];
    const { stdout } = await runProgram(['-n', 'e2e', '--', 'env'], { prefix: ['env', ...given] });
    expect(stdout.split('\n')).toEqual(expect.arrayContaining(given));
    expect(stdout).not.toContain('KNS_ROOTLESS_CALLER');
  });

  test('finds which sandbox it is in, the innermost where there are several', async () => {
    const context = suitesConfig()['current-context'];
    const show = 'echo $KNS_ROOTLESS,$KNS_ROOTLESS_CONTEXT,$KNS_ROOTLESS_NAMESPACE';
    const inner = `${fromSetup('KNS_TEST_PROGRAM')} -n e2e -- sh -c '${show}'`;
    const args = ['--name', 'outer', '-n', 'e2e', '--', 'sh', '-c', `${show}; ${inner}`];
    const { stdout } = await runProgram(args);
    const [ofOuter, ofInner] = stdout.split('\n');
    expect(ofOuter).toBe(`outer,${context},e2e`);
    // Its pid: an inner sandbox has no place for names.
    expect(ofInner).toMatch(new RegExp(`^\\d+,${context},e2e$`));
  });
});
