/**
 * A shell that stays, somewhere: in a backend's namespace, or beside it.
 *
 * Commands run one after the other, and what they cost to start is no part of
 * what they measure.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';

const START_WAIT_MS = 20_000;
const COMMAND_WAIT_MS = 120_000;
const MARK = '--bench-done--';

export class Shell {
  #child;
  #text = '';
  #errors = '';
  #heard = () => {};

  /** @param command what leads to the shell: it ends with a program that reads commands of sh from its stdin */
  constructor([program, ...args], options = {}) {
    this.#child = spawn(program, args, { ...options, stdio: ['pipe', 'pipe', 'pipe'] });
    this.#child.stdin.on('error', () => {}); // told of by the exit
    this.#child.stdout.setEncoding('utf8').on('data', (text) => {
      this.#text += text;
      this.#heard();
    });
    this.#child.stderr.setEncoding('utf8').on('data', (text) => {
      this.#errors = (this.#errors + text).slice(-4096);
    });
    this.#child.once('exit', () => this.#heard());
    this.#child.once('error', (error) => {
      this.#errors += error.message;
      this.#heard();
    });
  }

  /** Of the first process; the shell itself may be several generations below it. */
  get pid() {
    return this.#child.pid;
  }

  /** Resolves once the shell answers. */
  ready() {
    return this.run('true', START_WAIT_MS);
  }

  /** @returns what the command prints; throws where it fails */
  async run(command, waitMs = COMMAND_WAIT_MS) {
    this.#text = '';
    this.#child.stdin.write(`{ ${command}\n} </dev/null; echo "${MARK}$?"\n`);
    const deadline = performance.now() + waitMs;
    const end = new RegExp(`${MARK}(\\d+)\\n`);
    for (;;) {
      const match = end.exec(this.#text);
      if (match?.[1] === '0') return this.#text.slice(0, match.index);
      const left = deadline - performance.now();
      if (match || left <= 0 || this.#child.exitCode !== null || this.#child.pid === undefined)
        throw new Error(
          `${command}: ${match ? `exit code ${match[1]}` : 'no answer'}\n${this.#text}${this.#errors}`,
        );
      await this.#hear(left);
    }
  }

  #hear(waitMs) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, waitMs);
      this.#heard = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Ends it, with all that hangs on it. */
  async close() {
    if (this.#child.exitCode !== null || this.#child.pid === undefined) return;
    const exited = once(this.#child, 'exit');
    this.#child.stdin.end();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 5000);
    await exited;
    clearTimeout(timer);
    // What it has left running may hold the other ends.
    this.#child.stdout.destroy();
    this.#child.stderr.destroy();
  }
}
