/** What holds for a command at a terminal, whether it has a sandbox of its own or has joined one. */

import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { CTRL_C, CTRL_Z, type Terminal } from './terminal.ts';

/**
 * @param terminal with an interactive shell; it is told to exit with 6
 * @param interrupted what the shell says of a command that SIGINT has ended
 */
export async function showsJobControl(terminal: Terminal, interrupted = 130): Promise<void> {
  await terminal.shows(/ready> /);
  // The job says itself when it runs, in words that the terminal's echo of its source does not have. It makes
  // no processes: one that is stopped between vfork and exec holds up its parent, and no shell sees it stop.
  const job = `process.on("SIGCONT", () => console.log("resu" + "med")); console.log("star" + "ted"); process.stdin.resume()`;
  terminal.type(`${process.execPath} -e '${job}'\n`);
  await terminal.shows(/started\r\n/);
  terminal.type(CTRL_Z);
  await terminal.shows(/(Stopped|suspended)[^]*ready> /);
  terminal.type('fg\n');
  await terminal.shows(/resumed\r\n/);
  terminal.type(CTRL_C);
  await terminal.shows(/ready> /);
  terminal.type('echo "status $?"\n');
  await terminal.shows(new RegExp(`status ${interrupted}\r\n`));
  terminal.type('exit 6\n');
  await terminal.closed;
  expect(terminal.code).toBe(6);
}

/** @param run has a program run on a terminal */
export async function refusesTyping(run: (probe: string) => Terminal): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'kns-tty-'));
  chmodSync(folder, 0o755);
  try {
    const probe = join(folder, 'tty-input');
    const source = join(import.meta.dirname, 'tty-input.c');
    execFileSync(process.env['CC'] ?? 'cc', ['-D_GNU_SOURCE', '-o', probe, source]);
    const terminal = run(probe);
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
}
