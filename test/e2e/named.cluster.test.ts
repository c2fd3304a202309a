/** Sandboxes that stay: started, listed, ended, and found by others; and what is left of them, which is nothing. */

import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { ordinaryUser } from '../support/ordinary-user.ts';
import { fromSetup } from '../support/program.ts';
import { RuntimeDirectory } from './runtime-directory.ts';

/** Twenty programs start twice as many processes of Node; on a loaded machine that takes its time. */
const MANY_TIMEOUT_MS = 180_000;

let runtime: RuntimeDirectory;
beforeEach(() => {
  runtime = new RuntimeDirectory();
});
const closed: string[] = [];
afterEach(() => {
  for (const directory of closed.splice(0)) chmodSync(directory, 0o700);
  runtime.remove();
});

interface Listed {
  readonly name: string;
  readonly pid: number;
  readonly state: string;
  readonly contexts: readonly { readonly namespaces: readonly string[] }[];
  readonly commands: number;
  readonly connections: number;
  readonly bytesToCommand: number;
}

async function list(): Promise<Listed[]> {
  return JSON.parse((await runtime.run(['list', '--json'])).stdout);
}

async function up(name: string, ...options: string[]): Promise<void> {
  const { code, stderr } = await runtime.run(['up', name, '-n', 'e2e', ...options]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
}

/** Starts a program, and waits for its first line. */
async function started(args: readonly string[]) {
  const child = runtime.start(args);
  if (child.stdout === null) throw new Error('no pipe');
  const closed = once(child, 'close');
  await once(createInterface({ input: child.stdout }), 'line');
  return { child, closed };
}

const stateDirectory = (): string => join(runtime.path, 'kns-rootless');

async function nothingLeft(): Promise<void> {
  await runtime.allEnded();
  expect(runtime.files()).toEqual([]);
}

describe('up, list, logs, down', () => {
  test('a sandbox stays when up has returned, and is gone when down has', async () => {
    await up('one');
    const [listed] = await list();
    expect(listed).toMatchObject({ name: 'one', state: 'running', commands: 0, connections: 0 });
    expect(listed?.contexts).toMatchObject([{ namespaces: ['e2e'] }]);
    const { stdout } = await runtime.run(['exec', 'one', '--', 'curl', '-sS', 'http://web/healthz']);
    expect(stdout).toBe('ok\n');
    const [after] = await list();
    expect(after?.bytesToCommand).toBeGreaterThan(0);
    const table = await runtime.run(['list']);
    expect(table.stdout).toMatch(/^NAME +PID .*\none +\d+ +\S+ +namespace e2e +\d+s +0 +\d+ +\d/);
    expect(await runtime.run(['down', 'one'])).toMatchObject({ code: 0, stdout: '', stderr: '' });
    // All but the processes themselves, whose ends nobody waits for.
    expect(runtime.files()).toEqual([]);
    await nothingLeft();
    expect(await list()).toEqual([]);
  });

  test('it keeps nothing open that its caller had', async () => {
    // The run is over when nobody has its stdout any more, by whatever number.
    const prefix = ['bash', '-c', 'exec "$0" "$@" 11>&1 200>&1 255>&1'];
    expect(await runtime.run(['up', 'one', '-n', 'e2e'], { prefix })).toMatchObject({ code: 0, stderr: '' });
    expect((await list()).map(({ name }) => name)).toEqual(['one']);
  });

  test('twenty at once', { timeout: MANY_TIMEOUT_MS }, async () => {
    const names = Array.from({ length: 20 }, (_, i) => `sandbox-${i}`);
    const codes = await Promise.all(
      names.map(
        async (name) => (await runtime.run(['up', name, '-n', 'e2e'], { timeoutMs: MANY_TIMEOUT_MS })).code,
      ),
    );
    expect(codes).toEqual(names.map(() => 0));
    const listed = await list();
    expect(listed.map(({ name }) => name)).toEqual(names);
    expect(new Set(listed.map(({ pid }) => pid)).size).toBe(20);
    expect(await runtime.run(['exec', 'sandbox-7', '--', 'sh', '-c', 'exit 7'])).toMatchObject({ code: 7 });
    expect((await runtime.run(['down', ...names])).code).toBe(0);
    await nothingLeft();
  });

  test('a name is given once, whoever asks for it at the same moment', {
    timeout: MANY_TIMEOUT_MS,
  }, async () => {
    const results = await Promise.all(
      Array.from({ length: 4 }, () => runtime.run(['up', 'same', '-n', 'e2e'])),
    );
    const refused = results.filter(({ code }) => code === 125);
    expect(refused).toHaveLength(3);
    for (const { stderr } of refused)
      expect(stderr).toMatch(
        /^kns-rootless: there is a sandbox called "same" already \[SANDBOX_NAME_TAKEN\]: .+\n$/,
      );
    expect((await list()).map(({ name }) => name)).toEqual(['same']);
  });

  test('started and ended over and over by several at once, a name is nobody’s in the end', {
    timeout: MANY_TIMEOUT_MS,
  }, async () => {
    const options = { timeoutMs: MANY_TIMEOUT_MS };
    const known = /\[(SANDBOX_NAME_TAKEN|SANDBOX_UNKNOWN|SANDBOX_NOT_READY|SANDBOX_ENDED)\]/;
    let ups = 0;
    const several = Array.from({ length: 3 }, async () => {
      for (let round = 0; round < 4; round++) {
        const started = await runtime.run(['up', 'one', '-n', 'e2e'], options);
        if (started.code === 0) ups++;
        else expect(started.stderr).toMatch(known);
        const ended = await runtime.run(['down', 'one'], options);
        if (ended.code !== 0) expect(ended.stderr).toMatch(known);
      }
    });
    await Promise.all(several);
    expect(ups).toBeGreaterThan(0);
    await runtime.run(['down', 'one'], options);
    await nothingLeft();
    expect(await list()).toEqual([]);
  });

  test('SIGKILL of the supervisor ends the sandbox; its name is free, and its entry goes', async () => {
    await up('lost');
    const [listed] = await list();
    process.kill(listed?.pid ?? 0, 'SIGKILL');
    await nothingLeft();
    const { code, stderr } = await runtime.run(['exec', 'lost', 'true']);
    expect(code).toBe(125);
    expect(stderr).toMatch(/there is no sandbox called "lost"; none is running \[SANDBOX_UNKNOWN\]/);
    await up('lost');
    expect((await runtime.run(['down', 'lost'])).code).toBe(0);
    await nothingLeft();
  });

  test('an entry whose guard was killed too is removed by who meets it', async () => {
    leftBehind('left');
    expect(await list()).toEqual([]);
    expect(runtime.files()).toEqual([]);
    leftBehind('left');
    await up('left');
    expect((await runtime.run(['down', 'left'])).code).toBe(0);
    await nothingLeft();
  });

  test('down ends what it can, and tells of the rest', async () => {
    await up('one');
    await up('two');
    const { code, stderr } = await runtime.run(['down', 'one', 'gone', 'lost', 'two']);
    expect(code).toBe(125);
    expect(stderr.trimEnd().split('\n')).toEqual([
      expect.stringMatching(/"gone".* \[SANDBOX_UNKNOWN\]/),
      expect.stringMatching(/"lost".* \[SANDBOX_UNKNOWN\]/),
    ]);
    await nothingLeft();
  });

  test('SIGTERM ends it as down does', async () => {
    await up('one');
    process.kill((await list())[0]?.pid ?? 0, 'SIGTERM');
    await nothingLeft();
  });

  test('one that does not answer is shown, and no reason for list to wait for ever', async () => {
    await up('stopped');
    const [{ pid }] = await list();
    process.kill(pid, 'SIGSTOP');
    expect(await list()).toEqual([{ name: 'stopped', state: 'silent' }]);
    const { stderr } = await runtime.run(['exec', 'stopped', 'true']);
    expect(stderr).toMatch(/\[SANDBOX_SILENT\]/);
    process.kill(pid, 'SIGCONT');
    expect((await runtime.run(['down', 'stopped'])).code).toBe(0);
    await nothingLeft();
  });

  test('a start that fails says why, and leaves nothing', async () => {
    const { code, stderr } = await runtime.run(['up', 'bad', '--context', 'nowhere']);
    expect(code).toBe(125);
    expect(stderr).toMatch(/^kns-rootless: .*\[CONTEXT_UNKNOWN\]: .*\n$/);
    await nothingLeft();
  });

  test('a start that nobody waits for any more is given up', async () => {
    const child = runtime.start(['up', 'orphan', '-n', 'e2e', '--wait', 'svc/sick=60s']);
    // The entry is there before the sandbox is.
    for (let seen = await list(); seen.length === 0; seen = await list());
    child.kill('SIGKILL');
    await runtime.allEnded();
    expect(await list()).toEqual([]);
    await nothingLeft();
  });

  test('down ends one that is still starting', async () => {
    const child = runtime.start(['up', 'slow', '-n', 'e2e', '--wait', 'svc/sick=60s']);
    let said = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (said += text));
    const closed = once(child, 'close');
    for (let seen = await list(); seen[0]?.state !== 'starting'; seen = await list());
    const { stderr } = await runtime.run(['exec', 'slow', 'true']);
    expect(stderr).toMatch(/\[SANDBOX_NOT_READY\]/);
    expect((await runtime.run(['down', 'slow'])).code).toBe(0);
    await closed;
    expect(child.exitCode).toBe(125);
    expect(said).toMatch(/"slow" was ended before it was ready \[SANDBOX_ENDED\]/);
    await nothingLeft();
  });

  test('--log-file keeps what it has met, after its end too', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'kns-log-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    chmodSync(folder, 0o777);
    await up('kept', '-vv', '--log-file', join(folder, 'log'));
    await runtime.run(['exec', 'kept', '--', 'curl', '-sS', 'http://web/healthz']);
    expect((await runtime.run(['down', 'kept'])).code).toBe(0);
    await nothingLeft();
    const text = readFileSync(join(folder, 'log'), 'utf8');
    expect(text).toMatch(/Z context \S+, namespace e2e, \d+ Services\n/);
    expect(text).toMatch(/Z web\.\S+:80: port \d+ is connected to pod \S+\n/);
  });

  test('what it has met is told by logs, also to who follows, until nobody reads it', async () => {
    await up('talks');
    await runtime.run(['exec', 'talks', '--', 'curl', '-sS', 'http://web:9/']);
    expect((await runtime.run(['logs', 'talks'])).stdout).toMatch(
      /^\d{4}-\d\d-\d\dT[\d:.]+Z .*web.*:9: refused, the Service has no such port: it has 80$/m,
    );
    const { child, closed } = await started(['logs', '-f', 'talks']);
    const deaf = await started(['logs', '-f', 'talks']);
    deaf.child.stdout?.destroy();
    await runtime.run(['exec', 'talks', '--', 'curl', '-sS', 'http://web:10/']);
    await deaf.closed;
    expect(deaf.child.exitCode).toBe(141);
    expect((await runtime.run(['down', 'talks'])).code).toBe(0);
    await closed;
    expect(child.exitCode).toBe(0);
    await nothingLeft();
  });

  test.each([
    [['up', '12']],
    [['up', '../one']],
    [['up', '-n', 'e2e', '--', '-x']],
    [['--name', '.', 'true']],
  ])('no name for a sandbox: %j', async (args) => {
    const { code, stderr } = await runtime.run(args);
    expect(code).toBe(125);
    expect(stderr).toMatch(/\[SANDBOX_NAME_INVALID\]/);
  });
});

describe('runs that are not named', () => {
  const forever = 'echo up; exec sleep 1000';

  test('are found by their pid, and joined', async () => {
    const { child, closed } = await started(['-n', 'e2e', '--', 'sh', '-c', forever]);
    const [listed] = await list();
    expect(listed?.name).toBe(String(listed?.pid));
    const name = listed?.name ?? '';
    expect((await runtime.run(['exec', name, '--', 'cat', '/proc/2/comm'])).stdout).toBe('sleep\n');
    expect((await runtime.run(['down', name])).code).toBe(0);
    await closed;
    expect(child.exitCode).toBe(137);
    await nothingLeft();
  });

  test('and by the name that --name gives them', async () => {
    const { closed } = await started(['-n', 'e2e', '--name', 'shell', '--', 'sh', '-c', forever]);
    const { code, stderr } = await runtime.run(['--name', 'shell', '-n', 'e2e', 'true']);
    expect(code).toBe(125);
    expect(stderr).toMatch(/\[SANDBOX_NAME_TAKEN\]/);
    expect((await runtime.run(['down', 'shell'])).code).toBe(0);
    await closed;
    await nothingLeft();
  });

  test('the command does not see where they are found', async () => {
    const script =
      'ls -A "$XDG_RUNTIME_DIR/kns-rootless"; touch "$XDG_RUNTIME_DIR/kns-rootless/x" || echo read-only';
    const { stdout, code } = await runtime.run(['-n', 'e2e', '--', 'sh', '-c', script]);
    expect({ stdout, code }).toEqual({ stdout: 'read-only\n', code: 0 });
  });

  test('and starts none that could be found there', async () => {
    const ours = fromSetup('KNS_TEST_PROGRAM');
    for (const args of [
      ['up', 'inner', '--demo'],
      ['--name', 'inner', '--demo', '--', 'true'],
    ]) {
      const { code, stderr } = await runtime.run(['-n', 'e2e', '--', ours, ...args]);
      expect({ code, stderr }).toEqual({
        code: 125,
        stderr: expect.stringMatching(
          /^kns-rootless: \S+ can't be used: EROFS.* \[STATE_DIRECTORY_FAILED\]: .*\n$/,
        ),
      });
    }
  });
});

describe('where they are found', () => {
  test.each([
    ['of the host', []],
    ['and a pid that is seen', ['--share-pid']],
  ])(
    'a command that was started without knowing where, with a way there %s, is refused',
    async (_, options) => {
      await up('one');
      const ours = [fromSetup('KNS_TEST_PROGRAM'), 'down', 'one'];
      const inside = ['env', `XDG_RUNTIME_DIR=${runtime.path}`, ...ours];
      const env = { XDG_RUNTIME_DIR: undefined };
      const { code, stderr } = await runtime.run(['-n', 'e2e', ...options, '--', ...inside], { env });
      expect(code).toBe(125);
      expect(stderr).toMatch(/is in a sandbox itself, and may ask no other \[CONTROL_DENIED\]/);
      expect((await runtime.run(['down', 'one'])).code).toBe(0);
      await nothingLeft();
    },
  );

  test('a directory of the user alone', async () => {
    await up('one');
    const { uid, mode } = statSync(stateDirectory());
    expect([uid, mode & 0o777]).toEqual([ordinaryUser().uid, 0o700]);
  });

  test('without a runtime directory, or with that of somebody else, or one that is out of reach, one in /tmp', async () => {
    const fallback = `/tmp/kns-rootless-${ordinaryUser().uid}`;
    const beyond = join(runtime.path, 'closed');
    mkdirSync(join(beyond, 'run'), { recursive: true });
    close(beyond);
    for (const XDG_RUNTIME_DIR of [undefined, '/root', 'relative', join(beyond, 'run')]) {
      const env = { XDG_RUNTIME_DIR };
      const name = `fallback-${process.pid}`;
      expect(await runtime.run(['up', name, '-n', 'e2e'], { env })).toMatchObject({ code: 0, stderr: '' });
      const { uid, mode } = statSync(fallback);
      expect([uid, mode & 0o777]).toEqual([ordinaryUser().uid, 0o700]);
      expect((await runtime.run(['exec', name, 'true'], { env })).code).toBe(0);
      expect((await runtime.run(['down', name], { env })).code).toBe(0);
    }
  });

  test('one that others may read is so no more', async () => {
    chmodSync(made(), 0o755);
    await up('one');
    expect(statSync(stateDirectory()).mode & 0o777).toBe(0o700);
  });

  test('one that may not be entered is told; a run without a name does without', async () => {
    close(made());
    const enter = { env: { XDG_RUNTIME_DIR: stateDirectory() } };
    for (const args of [['list'], ['exec', 'one', 'true'], ['up', 'one', '-n', 'e2e']]) {
      const { code, stderr } = await runtime.run(args, enter);
      expect({ code, stderr }).toEqual({
        code: 125,
        stderr: expect.stringMatching(
          /^kns-rootless: \S+ can't be used: EACCES.* \[STATE_DIRECTORY_FAILED\]: .*\n$/,
        ),
      });
    }
    expect(await runtime.run(['-n', 'e2e', '--', 'sh', '-c', 'exit 5'], enter)).toMatchObject({
      code: 5,
      stderr: '',
    });
  });

  test('one that has no room is told', async () => {
    // For the directory itself, the state directory and one entry, and no socket in that.
    const full = `mount -t tmpfs -o nr_inodes=3 none ${runtime.path} && exec "$0" "$@"`;
    const prefix = ['unshare', '--user', '--map-root-user', '--mount', 'sh', '-c', full];
    const { code, stderr } = await runtime.run(['up', 'one', '-n', 'e2e'], { prefix });
    expect(code).toBe(125);
    expect(stderr).toMatch(
      /^kns-rootless: \S+\/one can't be used: .*ENOSPC.* \[STATE_DIRECTORY_FAILED\]: .*\n$/,
    );
  });

  const unsafe: [string, () => void][] = [
    ['is no directory', () => symlinkSync('/tmp', stateDirectory())],
    ['lets others write', () => chmodSync(made(), 0o775)],
  ];
  // An ordinary user can give nothing away.
  if (process.getuid?.() === 0) unsafe.push(['belongs to somebody else', () => chownSync(made(), 0, 0)]);

  test.each(unsafe)('one that %s is refused; a run without a name does without', async (what, make) => {
    make();
    const { code, stderr } = await runtime.run(['up', 'one', '-n', 'e2e']);
    expect(code).toBe(125);
    expect(stderr).toContain(`${stateDirectory()} ${what} [STATE_DIRECTORY_UNSAFE]`);
    expect(await runtime.run(['-n', 'e2e', '--', 'sh', '-c', 'exit 5'])).toMatchObject({
      code: 5,
      stderr: '',
    });
  });
});

/** Nobody but root may enter it; who runs the tests removes it in the end. */
function close(directory: string): void {
  chmodSync(directory, 0);
  closed.push(directory);
}

/** The state directory, as the program would have made it. */
function made(): string {
  const { uid, gid } = ordinaryUser();
  mkdirSync(stateDirectory(), { mode: 0o700 });
  chownSync(stateDirectory(), uid, gid);
  return stateDirectory();
}

/** An entry that nobody has locked. */
function leftBehind(name: string): void {
  const { uid, gid } = ordinaryUser();
  const entry = join(made(), name);
  mkdirSync(entry, { mode: 0o700 });
  chownSync(entry, uid, gid);
}
