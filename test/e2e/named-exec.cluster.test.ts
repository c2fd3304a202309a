/** exec: a command in a sandbox of another process, as a run of its own would be: terminal, signals, exit code, ends. */

import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { noneMarked, processesMarked } from '../support/processes.ts';
import { fromSetup } from '../support/program.ts';
import { RuntimeDirectory } from './runtime-directory.ts';
import { CTRL_C, endTerminals, Terminal } from './terminal.ts';
import { refusesTyping, showsJobControl } from './terminal-checks.ts';

let runtime: RuntimeDirectory;
beforeEach(async () => {
  runtime = new RuntimeDirectory();
  await up('one');
});
afterEach(() => {
  endTerminals();
  runtime.remove();
});

async function up(name: string, ...options: string[]): Promise<void> {
  const { code, stderr } = await runtime.run(['up', name, '-n', 'e2e', ...options]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
}

const exec = (script: string) => runtime.run(['exec', 'one', '--', 'sh', '-c', script]);

/** Starts a command in the sandbox, and waits for its first line. */
async function started(script: string, env: Record<string, string> = {}) {
  const child = runtime.start(['exec', 'one', '--', 'sh', '-c', script], { env });
  if (child.stdout === null) throw new Error('no pipe');
  const closed = once(child, 'close');
  const lines = createInterface({ input: child.stdout });
  await once(lines, 'line');
  return { child, closed, lines };
}

const marked = (mark: string) => ({ mark: `KNS_TEST_MARK=${mark}`, env: { KNS_TEST_MARK: mark } });

const terminal = (words: string): Terminal =>
  new Terminal(`${fromSetup('KNS_TEST_PROGRAM')} exec one ${words}`, runtime.env);

describe('the command', () => {
  test.each([
    ['exit 7', 7],
    ['kill -SEGV $$', 139],
    ['exit 130', 130],
  ])('%s', async (script, code) => {
    expect((await exec(script)).code).toBe(code);
  });

  test('that is not found, or can not be run, is told as in a run', async () => {
    expect(await runtime.run(['exec', 'one', 'no-such-program'])).toMatchObject({
      code: 127,
      stderr: 'kns-rootless: no-such-program: command not found\n',
    });
    expect((await runtime.run(['exec', 'one', '/etc'])).code).toBe(126);
  });

  test('has its own standard files, working directory, environment and open files', async () => {
    const piped = await runtime.run(['exec', 'one', 'wc', '-c'], { input: 'four' });
    expect(piped).toMatchObject({ code: 0, stdout: '4\n', stderr: '' });
    const script = 'pwd; echo $MINE $KNS_ROOTLESS $KNS_ROOTLESS_NAMESPACE >&2';
    const both = await runtime.run(['exec', 'one', '--', 'sh', '-c', script], {
      cwd: '/usr',
      env: { MINE: 'mine' },
    });
    expect(both).toMatchObject({ stdout: '/usr\n', stderr: 'mine one e2e\n' });
    const prefix = ['sh', '-c', 'exec "$@" 5<<end\nfifth\nend', 'sh'];
    const passed = await runtime.run(['exec', '--fd', '5', 'one', '--', 'sh', '-c', 'cat <&5'], { prefix });
    expect(passed.stdout).toBe('fifth\n');
  });

  test('takes the words behind the name as they are', async () => {
    const { stdout } = await runtime.run(['exec', 'one', 'printf', '%s\n', '-n', '--', '--fd', '--help']);
    expect(stdout).toBe('-n\n--\n--fd\n--help\n');
    const option = await runtime.run(['exec', 'one', '-n', 'e2e', '--', 'true']);
    expect(option).toMatchObject({ code: 125, stdout: '' });
    expect(option.stderr).toMatch(
      /^kns-rootless: .*: -n \[EXEC_OPTION\]: .*kns-rootless up.*exec one -- -n\n$/,
    );
    const program = await runtime.run(['exec', 'one', '--', '-n']);
    expect(program).toMatchObject({ code: 127, stderr: 'kns-rootless: -n: command not found\n' });
    expect((await runtime.run(['exec', 'one'], { input: 'echo from a shell' })).stdout).toBe(
      'from a shell\n',
    );
  });

  test('sees the processes, names and files of the sandbox, and leaves some', async () => {
    await exec('sleep 1000 >/dev/null 2>&1 &');
    const { stdout } = await exec('pgrep -x sleep >/dev/null && getent hosts web && ls /sys/class/net');
    expect(stdout).toMatch(/ web web\.e2e [^]*\nkns0\nlo\n$/);
  });

  test('has what the sandbox excepts from a proxy of its own', async () => {
    const { stdout } = await runtime.run(['exec', 'one', '--', 'sh', '-c', 'echo $no_proxy'], {
      env: { http_proxy: 'http://proxy.invalid:3128', no_proxy: 'mine.test' },
    });
    expect(stdout).toMatch(/^mine\.test,.*\bweb\.e2e\b/);
    expect((await exec('echo "[$no_proxy]"')).stdout).toBe('[]\n');
  });

  test('is without what the sandbox hides', async () => {
    await up('hidden', '--no-kubeconfig');
    const script = `echo "[$KUBECONFIG]"; cat ${fromSetup('KNS_TEST_KUBECONFIG')} || echo denied`;
    expect((await runtime.run(['exec', 'hidden', '--', 'sh', '-c', script])).stdout).toBe('[]\ndenied\n');
  });
});

describe('signals', () => {
  test('to exec reach the command once', async () => {
    const { child, closed, lines } = await started(
      `trap 'n=x$n; echo got' TERM; trap 'exit \${#n}' USR1; echo up; while :; do sleep 0.05; done`,
    );
    child.kill('SIGTERM');
    await once(lines, 'line');
    child.kill('SIGUSR1');
    await closed;
    expect(child.exitCode).toBe(1);
  });

  test('that end it end exec the same', async () => {
    const { child, closed } = await started('echo up; exec sleep 1000');
    child.kill('SIGHUP');
    await closed;
    expect(child.exitCode).toBe(129);
  });

  test('SIGKILL of exec ends the command and all that it has started; the sandbox stays', async () => {
    const { mark, env } = marked(`exec-killed-${process.pid}`);
    const { child, closed } = await started('(setsid sleep 1000 &); sleep 1000 & echo up; sleep 1000', env);
    expect(processesMarked(mark).length).toBeGreaterThan(4);
    child.kill('SIGKILL');
    await closed;
    await noneMarked(mark);
    expect((await exec('exit 3')).code).toBe(3);
  });
});

describe('the end of the sandbox', () => {
  test.each([[[]], [['--share-pid']]])(
    'down ends what joined, and returns when it has; %j',
    async (options) => {
      if (options.length > 0) {
        await runtime.run(['down', 'one']);
        await up('one', ...options);
      }
      const { mark, env } = marked(`exec-down-${options.length}-${process.pid}`);
      const { child, closed } = await started('sleep 1000 & echo up; sleep 1000', env);
      const exited = once(child, 'exit');
      expect((await runtime.run(['down', 'one'])).code).toBe(0);
      await exited;
      expect(child.exitCode).toBe(137);
      await closed;
      await noneMarked(mark);
      await runtime.allEnded();
      expect(runtime.files()).toEqual([]);
    },
  );

  test('so does SIGKILL of its supervisor', async () => {
    const { mark, env } = marked(`exec-lost-${process.pid}`);
    const { child, closed } = await started('(setsid sleep 1000 &); echo up; sleep 1000', env);
    const [{ pid }] = JSON.parse((await runtime.run(['list', '--json'])).stdout);
    process.kill(pid, 'SIGKILL');
    await closed;
    expect(child.exitCode).toBe(137);
    await noneMarked(mark);
  });
});

describe('at a terminal', () => {
  test('a shell has job control', async () => {
    await showsJobControl(terminal('bash --norc -i'));
  });

  test('Ctrl-C reaches the command once, and exec has its exit code', async () => {
    const script =
      'trap "n=x$n" INT; echo up; until [ "$n" ]; do sleep 0.05; done; sleep 0.3; echo "got $n"; exit 5';
    const shell = terminal(`-- sh -c '${script}'`);
    await shell.shows(/up\r\n/);
    shell.type(CTRL_C);
    await shell.shows(/got x\r\n/);
    await shell.closed;
    expect(shell.code).toBe(5);
  });

  test('Ctrl-Z stops exec for its own shell, fg continues the command', async () => {
    const outer = new Terminal('bash --norc -i', runtime.env);
    await outer.shows(/ready> /);
    const inside = 'kill -TSTP $$; echo "resu"med; exit 3';
    outer.type(`${fromSetup('KNS_TEST_PROGRAM')} exec one -- sh -c '${inside}'\n`);
    await outer.shows(/\[1\]\+ +Stopped[^]*ready> /);
    outer.type('fg\n');
    await outer.shows(/resumed\r\n/);
    outer.type('echo "status $?"\n');
    await outer.shows(/status 3\r\n/);
  });

  test('the command can not type into the terminal, by any of the ways a processor has', async () => {
    await refusesTyping((probe) => terminal(`-- ${probe}`));
  });
});
