/** hostile.c, and what of the host's it is to find closed. */

import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { Installation } from './host.ts';

let started = 0;

export interface Hostile {
  /** The command, with words of its own behind it. */
  command(...words: string[]): string[];
  close(): void;
}

export async function startHostile(installation: Installation): Promise<Hostile> {
  const program = join(installation.folder, 'hostile');
  const source = join(import.meta.dirname, '../hostile.c');
  execFileSync(process.env['CC'] ?? 'cc', ['-std=gnu11', '-Wall', '-o', program, source]);
  chmodSync(program, 0o755);
  const name = `kns-hostile-${process.pid}-${started++}`;
  const abstract = createServer();
  const loopback = createServer();
  await once(abstract.listen(`\0${name}`), 'listening');
  await once(loopback.listen(0, '127.0.0.1'), 'listening');
  const address = loopback.address();
  const port = String(typeof address === 'object' ? address?.port : 0);
  return {
    command: (...words) => [program, String(process.pid), name, port, ...words],
    close: () => {
      abstract.close();
      loopback.close();
    },
  };
}

/** What each attempt came to, by what it was. */
export function outcomesOf(stdout: string): Record<string, string> {
  const lines = stdout.trim().split('\n');
  return Object.fromEntries(lines.map((line) => line.split(': ') as [string, string]));
}

export function succeeded(outcomes: Record<string, string>): string[] {
  return Object.keys(outcomes).filter((what) => outcomes[what] === 'done');
}
