/**
 * `growth-guest`, in a sandbox of the released program or beside the server:
 * a line of command, a line of JSON.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { cpuSeconds, residentMiB, SERVER_ADDRESS } from '../lib/index.mjs';

export const PORT = 7100;

const RELEASED = join(import.meta.dirname, '../../../dist/kns-rootless');
const ANSWER_WAIT_MS = 180_000;

export class Guest {
  /** When it said that it runs, in ms since the epoch. */
  readyAt = 0;
  #child;
  #lines;

  constructor([command, ...args]) {
    this.#child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#child.stdin.on('error', () => {}); // told of by the answer that does not come
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  /** Beside the server: what the machine itself can do at the moment. */
  static async beside(program) {
    const guest = new Guest([program, SERVER_ADDRESS, String(PORT)]);
    await guest.#ready();
    return guest;
  }

  /** @param options of the program besides those for what is measured */
  static async inSandbox(program, kubeconfig, options = []) {
    const own = ['--kubeconfig', kubeconfig, '--cidr', '10.64.0.0/16', '--allow', SERVER_ADDRESS, ...options];
    const guest = new Guest([RELEASED, ...own, '--', program, SERVER_ADDRESS, String(PORT)]);
    await guest.#ready();
    return guest;
  }

  async #ready() {
    await this.#answer('start');
    this.readyAt = performance.timeOrigin + performance.now();
  }

  async ask(command) {
    this.#child.stdin.write(`${command}\n`);
    return this.#answer(command);
  }

  async #answer(command) {
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), ANSWER_WAIT_MS);
    const { value, done } = await this.#lines.next();
    clearTimeout(timer);
    if (done) throw new Error(`no answer to: ${command}`);
    return JSON.parse(value);
  }

  /** Of the program, which is the process that was started: its launcher becomes it. */
  get residentKiB() {
    return residentMiB([this.#child.pid]) * 1024;
  }

  get cpuSeconds() {
    return cpuSeconds([this.#child.pid]);
  }

  get pid() {
    return this.#child.pid;
  }

  async close() {
    const exited = this.#child.exitCode === null ? once(this.#child, 'exit') : undefined;
    this.#child.stdin.end();
    await exited;
  }
}
