/** Servers in processes of their own, as the ordinary user. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { ordinaryUser } from './ordinary-user.ts';

export interface Serving {
  /** Every line on stdout, from the first on. */
  readonly lines: readonly string[];
  stop(): Promise<void>;
}

export interface ServingOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** The line that says that it listens, on stdout or stderr; by default the first one of all. */
  readonly ready?: RegExp;
}

/** Resolves once it is ready. @throws where it ends before */
export async function startServing(
  [file = '', ...args]: readonly string[],
  { env = {}, cwd = '/', ready = /^/ }: ServingOptions = {},
): Promise<Serving> {
  const { uid, gid } = ordinaryUser();
  const child = spawn(file, args, {
    uid,
    gid,
    cwd,
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const lines: string[] = [];
  const errors: string[] = [];
  const closed = once(child, 'close');
  const listening = new Promise<void>((resolve) => {
    for (const [stream, kept] of [
      [child.stdout, lines],
      [child.stderr, errors],
    ] as const) {
      createInterface(stream).on('line', (line) => {
        kept.push(line);
        if (ready.test(line)) resolve();
      });
    }
  });
  const isUp = await Promise.race([listening.then(() => true), closed.then(() => false)]);
  if (!isUp) throw new Error(`${file} ${args.join(' ')} has ended: ${errors.join('\n')}`);
  return {
    lines,
    async stop() {
      child.kill();
      await closed;
    },
  };
}
