/** The programs that the matrix itself is made of: run with a limit, and missed by name. */

import { execa } from 'execa';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** What has to be had for a cell, and is not: the cell was not tried. */
export class Missing extends Error {
  override readonly name = 'Missing';
}

export function need(program: string): void {
  const found = (process.env['PATH'] ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
  if (!found) throw new Missing(`${program} is not installed`);
}

export interface ToolOptions {
  readonly limitMs: number;
  readonly cwd?: string;
  readonly input?: string;
  readonly env?: Record<string, string>;
}

/** @returns both outputs. @throws with the last of them, where the program fails or takes too long */
export async function tool(
  file: string,
  args: readonly string[],
  { limitMs, ...options }: ToolOptions,
): Promise<string> {
  const { all } = await execa(file, args, { ...options, all: true, timeout: limitMs, killSignal: 'SIGKILL' });
  return all;
}
