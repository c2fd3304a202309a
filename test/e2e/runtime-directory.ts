/** A runtime directory of the ordinary user's for one test, and a mark on all that is started with it. */

import { chownSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ordinaryUser } from '../support/ordinary-user.ts';
import { noneMarked, processesMarked, type ProcessInfo } from '../support/processes.ts';
import { type RunOptions, type RunResult, runProgram, startProgram } from '../support/program.ts';

let made = 0;

export class RuntimeDirectory {
  readonly path: string;
  readonly env: Record<string, string>;
  readonly #mark: string;

  constructor() {
    this.path = mkdtempSync(join(tmpdir(), 'kns-runtime-'));
    const { uid, gid } = ordinaryUser();
    chownSync(this.path, uid, gid);
    this.#mark = `${process.pid}-${made++}`;
    this.env = { XDG_RUNTIME_DIR: this.path, KNS_TEST_NAMED: this.#mark };
  }

  run(args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    return runProgram(args, { timeoutMs: 60_000, ...options, env: { ...this.env, ...options.env } });
  }

  start(args: readonly string[], options: RunOptions = {}): ReturnType<typeof startProgram> {
    return startProgram(args, { ...options, env: { ...this.env, ...options.env } });
  }

  /** What the program has made there. */
  files(): string[] {
    return readdirSync(this.path, { recursive: true, encoding: 'utf8' });
  }

  processes(): ProcessInfo[] {
    return processesMarked(`KNS_TEST_NAMED=${this.#mark}`);
  }

  allEnded(): Promise<void> {
    return noneMarked(`KNS_TEST_NAMED=${this.#mark}`);
  }

  /** Ends whatever a test has left. */
  remove(): void {
    for (const { pid } of this.processes()) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It has ended with the one before it.
      }
    }
    rmSync(this.path, { recursive: true, force: true });
  }
}
