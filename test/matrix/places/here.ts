/** This very system, as it is. */

import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ordinaryUser } from '../../support/ordinary-user.ts';
import { Missing, tool } from '../tool.ts';
import { writePayload } from './payload.ts';

const LIMIT_MS = 300_000;

/** @returns what the script printed */
export async function runHere(node: string, script: string): Promise<string> {
  if (process.getuid?.() !== 0) throw new Missing('only root becomes the ordinary user, and root');
  const { name } = ordinaryUser();
  const folder = mkdtempSync(join(tmpdir(), 'kns-here-'));
  try {
    chmodSync(folder, 0o755);
    await writePayload(folder, node);
    const env = { MATRIX: folder, TESTER: name, PATH: `${folder}/bin:${process.env['PATH']}` };
    return await tool('sh', ['-c', script], { limitMs: LIMIT_MS, env });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
