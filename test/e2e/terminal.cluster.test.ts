/** At a terminal: job control, keys that are signals, and the line that tells where one is. */

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { ordinaryUser } from '../support/ordinary-user.ts';
import { noneMarked } from '../support/processes.ts';
import { fromSetup } from '../support/program.ts';

/** No terminal takes this long to show anything. */
const SHOW_LIMIT_MS = 10_000;
const CTRL_C = '\x03';
const CTRL_Z = '\x1a';

const terminals: Terminal[] = [];
afterEach(() => {
  for (const terminal of terminals.splice(0)) terminal.end();
});

/** A program on a terminal of its own, made by script(1); what it shows can be awaited. */
class Terminal {
  readonly #child;
  readonly closed: Promise<unknown>;
  #shown = '';
  #seen = 0;
  #onShown = () => {};

  constructor(command: string, env: Record<string, string> = {}) {
    const { uid, gid } = ordinaryUser();
    this.#child = spawn('script', ['--quiet', '--return', '--command', `exec ${command}`, '/dev/null'], {
      uid,
      gid,
      cwd: '/',
      env: {
        PATH: process.env['PATH'],
        HOME: '/nonexistent',
        SHELL: '/bin/sh',
        TERM: 'dumb',
        PS1: 'ready> ',
        KUBECONFIG: fromSetup('KNS_TEST_KUBECONFIG'),
        ...env,
      },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.#shown += text;
      this.#onShown();
    });
    this.closed = once(this.#child, 'close');
    terminals.push(this);
  }

  get shown(): string {
    return this.#shown;
  }

  end(): void {
    this.#child.kill('SIGKILL');
  }

  get code(): number | null {
    return this.#child.exitCode;
  }

  type(keys: string): void {
    this.#child.stdin.write(keys);
  }

  /** Waits until the terminal shows this, after what was awaited before. */
  async shows(pattern: RegExp): Promise<string> {
    for (;;) {
      const match = pattern.exec(this.#shown.slice(this.#seen));
      if (match !== null) {
        this.#seen += match.index + match[0].length;
        return match[0];
      }
      await new Promise<void>((resolve, reject) => {
        const fail = (why: string) =>
          reject(new Error(`${why}, waiting for ${pattern}; shown: ${this.#shown}`));
        const timer = setTimeout(fail, SHOW_LIMIT_MS, 'too late');
        this.#onShown = () => {
          clearTimeout(timer);
          resolve();
        };
        void this.closed.then(() => fail('closed'));
      });
    }
  }
}

test('one line names context, namespace and the number of Services', async () => {
  const terminal = new Terminal(`${fromSetup('KNS_TEST_PROGRAM')} -n e2e -- true`);
  await terminal.shows(/^kns-rootless: context \S+, namespace e2e, 7 Services\r\n/);
  await terminal.closed;
  expect(terminal.code).toBe(0);
});

test('Ctrl-C reaches the command once', async () => {
  // The loop ends once the key was seen; a second signal would show within the sleep that follows.
  const script =
    'trap "n=x$n" INT; echo up; until [ "$n" ]; do sleep 0.05; done; sleep 0.3; echo "got $n"; exit 5';
  const terminal = new Terminal(`${fromSetup('KNS_TEST_PROGRAM')} -n e2e -- sh -c '${script}'`);
  await terminal.shows(/up\r\n/);
  terminal.type(CTRL_C);
  await terminal.shows(/got x\r\n/);
  await terminal.closed;
  expect(terminal.code).toBe(5);
});

test('Ctrl-C ends a command that does not handle it', async () => {
  const terminal = new Terminal(`${fromSetup('KNS_TEST_PROGRAM')} -n e2e -- sh -c 'echo up; exec sleep 100'`);
  await terminal.shows(/up\r\n/);
  terminal.type(CTRL_C);
  await terminal.closed;
  expect(terminal.code).toBe(130);
});

test('a shell has job control', async () => {
  const terminal = new Terminal(`${fromSetup('KNS_TEST_PROGRAM')} -n e2e -- bash --norc -i`);
  await terminal.shows(/ready> /);
  // The job says itself when it runs, in words that the terminal's echo of its source does not have. It makes
  // no processes: one that is stopped between vfork and exec holds up its parent, and no shell sees it stop.
  const job = `process.on("SIGCONT", () => console.log("resu" + "med")); console.log("star" + "ted"); process.stdin.resume()`;
  terminal.type(`${process.execPath} -e '${job}'\n`);
  await terminal.shows(/started\r\n/);
  terminal.type(CTRL_Z);
  await terminal.shows(/Stopped[^]*ready> /);
  terminal.type('fg\n');
  await terminal.shows(/resumed\r\n/);
  terminal.type(CTRL_C);
  await terminal.shows(/ready> /);
  terminal.type('echo "status $?"\n');
  await terminal.shows(/status 130\r\n/);
  terminal.type('exit 6\n');
  await terminal.closed;
  expect(terminal.code).toBe(6);
});

test('a program that stops itself alone, as less does, stops the whole job; fg continues it', async () => {
  const terminal = new Terminal('bash --norc -i');
  await terminal.shows(/ready> /);
  const inside = 'kill -TSTP $$; echo "resu"med; exit 3';
  terminal.type(`${fromSetup('KNS_TEST_PROGRAM')} -n e2e -- sh -c '${inside}'\n`);
  await terminal.shows(/\[1\]\+ +Stopped[^]*ready> /);
  terminal.type('jobs -r; echo "none "runs; fg\n');
  await terminal.shows(/none runs[^]*resumed\r\n/);
  terminal.type('echo "status $?"\n');
  await terminal.shows(/status 3\r\n/);
});

test('an inner shell can be suspended, and comes back with its terminal', async () => {
  const terminal = new Terminal('bash --norc -i');
  await terminal.shows(/ready> /);
  terminal.type(`PS1='inner> ' ${fromSetup('KNS_TEST_PROGRAM')} -n e2e -- bash --norc -i\n`);
  await terminal.shows(/inner> /);
  terminal.type('suspend\n');
  await terminal.shows(/Stopped[^]*ready> /);
  terminal.type('fg\n');
  terminal.type('echo "back "again\n');
  await terminal.shows(/back again\r\n/);
  terminal.type('exit 4\n');
  await terminal.shows(/ready> /);
  terminal.type('echo "status $?"\n');
  await terminal.shows(/status 4\r\n/);
});

test('a pipeline is one job: Ctrl-Z stops both ends, fg continues both, the reader keeps the terminal', async () => {
  const terminal = new Terminal('bash --norc -i');
  await terminal.shows(/ready> /);
  const writer = 'echo "star"ted; while read -r line; do echo "got $line"; done';
  const reader = `while read -r line; do echo "seen $line"; done`;
  terminal.type(`${fromSetup('KNS_TEST_PROGRAM')} -n e2e -- sh -c '${writer}' | (${reader})\n`);
  await terminal.shows(/seen started\r\n/);
  terminal.type(CTRL_Z);
  await terminal.shows(/Stopped[^]*ready> /);
  terminal.type('fg\n');
  terminal.type('this\n');
  await terminal.shows(/seen got this\r\n/);
  terminal.type('\x04');
  await terminal.shows(/ready> /);
});

test('a job in the background runs, and is told when it is done', async () => {
  const terminal = new Terminal('bash --norc -i');
  await terminal.shows(/ready> /);
  terminal.type(`${fromSetup('KNS_TEST_PROGRAM')} -n e2e -- sh -c 'echo "in the "back; exit 5' &\n`);
  await terminal.shows(/in the back\r\n/);
  terminal.type('wait %1; echo "status $?"\n');
  await terminal.shows(/status 5\r\n/);
});

test('a full screen: keys one by one, the window and its changes, stopped and resumed', async () => {
  const program = `
    const { stdin, stdout } = process;
    const size = (word) => console.log(word + " " + stdout.columns + "x" + stdout.rows);
    let changes = 0;
    stdin.setRawMode(true);
    stdout.on("resize", () => size("change " + ++changes));
    process.on("SIGCONT", () => { stdin.setRawMode(true); size("again"); });
    stdin.on("data", (keys) => {
      for (const key of keys) {
        if (key === 122) { stdin.setRawMode(false); process.kill(process.pid, "SIGTSTP"); }
        else if (key === 113) { stdin.setRawMode(false); process.exit(changes); }
        else console.log("key " + key);
      }
    });
    size("drawn");`.replaceAll(/\s+/g, ' ');
  const terminal = new Terminal('bash --norc -i');
  await terminal.shows(/ready> /);
  terminal.type('tty; stty rows 24 cols 80; stty -echo\n');
  const [, device = ''] = /(\/dev\/pts\/\d+)/.exec(await terminal.shows(/\/dev\/pts\/\d+[^]*ready> /)) ?? [];
  terminal.type(`${fromSetup('KNS_TEST_PROGRAM')} -n e2e -- ${process.execPath} -e '${program}'\n`);
  await terminal.shows(/drawn 80x24\r\n/);
  terminal.type(CTRL_C);
  await terminal.shows(/key 3\r\n/);
  // One change: for two, stty makes two calls.
  execFileSync('stty', ['-F', device, 'rows', '40']);
  await terminal.shows(/change 1 80x40\r\n/);
  terminal.type('z');
  await terminal.shows(/Stopped[^]*ready> /);
  terminal.type('fg\n');
  await terminal.shows(/again 80x40\r\n/);
  terminal.type('x');
  await terminal.shows(/key 120\r\n/);
  terminal.type('q');
  await terminal.shows(/ready> /);
  terminal.type('echo "changes $?"\n');
  await terminal.shows(/changes 1\r\n/);
});

test('a terminal that goes away ends a command that does not handle it', async () => {
  const env = { KNS_TEST_MARK: `hang-up-${process.pid}` };
  const terminal = new Terminal(`${fromSetup('KNS_TEST_PROGRAM')} -n e2e -- bash --norc -i`, env);
  await terminal.shows(/ready> /);
  terminal.type('sleep 1000; echo over\n');
  await terminal.shows(/over\r\n/);
  terminal.end();
  await noneMarked(`KNS_TEST_MARK=${env.KNS_TEST_MARK}`);
});

test('the command can not type into the terminal, by any of the ways a processor has', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'kns-tty-'));
  chmodSync(folder, 0o755);
  try {
    const probe = join(folder, 'tty-input');
    const source = join(import.meta.dirname, 'tty-input.c');
    execFileSync(process.env['CC'] ?? 'cc', ['-D_GNU_SOURCE', '-o', probe, source]);
    const terminal = new Terminal(`${fromSetup('KNS_TEST_PROGRAM')} -n e2e -- ${probe}`);
    await terminal.shows(/window size: known/);
    await terminal.closed;
    const outcomes = [...terminal.shown.matchAll(/^(.*): (E\w+|injected|none)\r$/gm)];
    const ways = process.arch === 'x64' ? 6 : 3;
    expect(outcomes).toHaveLength(ways);
    // EPERM is the filter's; a kernel that forbids TIOCSTI itself says EIO.
    for (const [, way, outcome] of outcomes)
      expect([way, outcome]).toEqual([way, outcome === 'none' ? 'none' : 'EPERM']);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
