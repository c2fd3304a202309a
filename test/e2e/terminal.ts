/** A terminal for the tests: what it shows can be awaited, and keys typed. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { ordinaryUser } from '../support/ordinary-user.ts';
import { fromSetup } from '../support/program.ts';
import { PROGRAM_DEFAULTS } from '../support/program-defaults.ts';

export const CTRL_C = '\x03';
export const CTRL_Z = '\x1a';

/** No terminal takes this long to show anything. */
const SHOW_LIMIT_MS = 10_000;

const terminals: Terminal[] = [];

/** Those that a test has opened, and did not end. */
export function endTerminals(): void {
  for (const terminal of terminals.splice(0)) terminal.end();
}

/** A program on a terminal of its own, made by script(1); what it shows can be awaited. */
export class Terminal {
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
        ...PROGRAM_DEFAULTS,
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
    const late = AbortSignal.timeout(SHOW_LIMIT_MS);
    for (;;) {
      const match = pattern.exec(this.#shown.slice(this.#seen));
      if (match !== null) {
        this.#seen += match.index + match[0].length;
        return match[0];
      }
      await new Promise<void>((resolve, reject) => {
        const fail = (why: string) =>
          reject(new Error(`${why}, waiting for ${pattern}; shown: ${this.#shown}`));
        this.#onShown = resolve;
        late.onabort = () => fail('too late');
        void this.closed.then(() => fail('closed'));
      });
    }
  }
}
