/** What changes in the cluster while the command runs, as the command sees it; embedded and real. */
import { type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ChangeableCluster, startChangeableCluster } from '../support/changeable-cluster.ts';
import { startProgram } from '../support/program.ts';

let cluster: ChangeableCluster;

beforeAll(async () => {
  cluster = await startChangeableCluster();
}, 90_000);

afterAll(async () => {
  await cluster.close();
});

/** A command that says one line for each thing that it has seen. */
class Watcher {
  readonly #child: ChildProcess;
  readonly #lines: NodeJS.AsyncIterator<string>;
  #stderr = '';

  constructor(script: string) {
    const args = ['-n', cluster.namespace, '--', 'sh', '-c', script];
    this.#child = startProgram(args, { env: { KUBECONFIG: cluster.kubeconfig } });
    const { stdout, stderr } = this.#child;
    if (stdout === null || stderr === null) throw new Error('no pipes');
    stderr.on('data', (chunk: Buffer) => {
      this.#stderr += chunk.toString();
    });
    this.#lines = createInterface(stdout)[Symbol.asyncIterator]();
  }

  /** The next line; what went wrong where there is none. */
  async next(): Promise<string> {
    const { done, value } = await this.#lines.next();
    return done === true ? `no more: ${this.#stderr}` : value;
  }

  get stderr(): string {
    return this.#stderr;
  }

  async end(): Promise<number | null> {
    if (this.#child.exitCode === null) await once(this.#child, 'exit');
    return this.#child.exitCode;
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }
}

const until = (command: string): string => `until ${command} >/dev/null 2>&1; do sleep 0.1; done`;

test('a Service that is made while the command runs has a name, answers, and is gone with it', async () => {
  const watcher = new Watcher(`
    getent hosts late; echo started
    ${until('getent hosts late')}; echo named
    ${until('grep -qw late /etc/hosts')}; echo in the file
    ${until('curl -sSf --max-time 5 http://late/healthz')}; echo answers
    ${until('! getent hosts late')}; echo gone
  `);
  try {
    expect(await watcher.next()).toBe('started');
    await cluster.addService('late');
    expect(await watcher.next()).toBe('named');
    expect(await watcher.next()).toBe('in the file');
    expect(await watcher.next()).toBe('answers');
    await cluster.removeService('late');
    expect(await watcher.next()).toBe('gone');
    expect(await watcher.end()).toBe(0);
  } finally {
    watcher.kill();
  }
}, 90_000);

test('a Service that is scaled to nothing refuses, each time with a line, and answers when it is back', async () => {
  const refuses = '[ "$(curl -s --max-time 5 http://web/ >/dev/null; echo $?)" = 7 ]';
  const watcher = new Watcher(`
    curl -sSf http://web/healthz && echo started
    ${until(refuses)}; ${refuses}; ${refuses}; echo refuses
    ${until('curl -sSf --max-time 5 http://web/healthz')}; echo answers
    ${until(refuses)}; ${refuses}; echo refuses again
  `);
  try {
    expect(await watcher.next()).toBe('ok');
    expect(await watcher.next()).toBe('started');
    await cluster.scale(0);
    expect(await watcher.next()).toBe('refuses');
    await cluster.scale(2);
    expect(await watcher.next()).toBe('answers');
    await cluster.scale(0);
    expect(await watcher.next()).toBe('refuses again');
    expect(await watcher.end()).toBe(0);
    const told = watcher.stderr.split('\n').filter((line) => line.includes('it has no ready pod'));
    expect(told).toHaveLength(2);
  } finally {
    watcher.kill();
    await cluster.scale(2);
  }
}, 180_000);
