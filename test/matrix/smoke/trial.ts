/** The program under trial: runs it as a user would, bounded in time. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';

/** An emulated processor is some 20 times slower than a real one. */
export const LIMIT_MS = 180_000;

/** And the API server may be as slow. */
export const PATIENT: readonly string[] = ['--request-timeout', '120s'];

export interface Result {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** An error of the program's own: its code stands in brackets at the end of what is the case. */
const OWN_ERROR = /^kns-rootless: .* \[([A-Z_]+)\]/m;

export function errorCode({ code, stderr }: Result): string | undefined {
  return code === 125 ? OWN_ERROR.exec(stderr)?.[1] : undefined;
}

export class Trial {
  readonly #program: string;
  readonly #env: NodeJS.ProcessEnv;

  /** Without a link the runs have the one that a user gets. */
  constructor(program: string, kubeconfig: string, link?: 'tun' | 'veth') {
    this.#program = program;
    this.#env = {
      ...process.env,
      KUBECONFIG: kubeconfig,
      ...(link === undefined ? {} : { KNS_ROOTLESS_LINK: link }),
    };
  }

  /** The program's own command line; ended by SIGKILL where it takes too long. */
  async run(args: readonly string[]): Promise<Result> {
    return finish(this.start(args), '');
  }

  /** A shell script inside a sandbox. */
  async inside(script: string, options: readonly string[] = []): Promise<Result> {
    return this.run([...PATIENT, ...options, '--', 'sh', '-c', script]);
  }

  start(args: readonly string[]): ChildProcess {
    return spawn(this.#program, args, {
      env: this.#env,
      stdio: 'pipe',
      timeout: LIMIT_MS,
      killSignal: 'SIGKILL',
    });
  }

  /** The program at a terminal of its own, by script(1). */
  async atTerminal(command: string): Promise<Result> {
    const args = [
      '--quiet',
      '--return',
      '--command',
      `stty rows 17 cols 71; exec ${this.#program} ${command}`,
      '/dev/null',
    ];
    return finish(
      spawn('script', args, { env: this.#env, stdio: 'pipe', timeout: LIMIT_MS, killSignal: 'SIGKILL' }),
      '',
    );
  }
}

export async function finish(child: ChildProcess, input: string): Promise<Result> {
  if (child.stdin === null || child.stdout === null || child.stderr === null) throw new Error('no pipes');
  child.stdin.on('error', () => {}); // a command that does not read its input closes it
  child.stdin.end(input);
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { code: child.exitCode, stdout, stderr };
}
