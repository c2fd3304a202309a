/** Reads a policy file. The parser is loaded for those who have one. */

import { readFileSync } from 'node:fs';
import { UsageError } from '../errors.ts';
import type { PolicyFile } from './file.ts';

/** Throws `POLICY_INVALID`. @param dialers that rules may name besides the file's own proxies */
export async function loadPolicyFile(path: string, dialers: readonly string[]): Promise<PolicyFile> {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new UsageError(
      'POLICY_INVALID',
      `the policy file can't be read: ${error instanceof Error ? error.message : String(error)}`,
      'name a file that is there, and that you may read',
    );
  }
  const { parsePolicyFile } = await import('./file.ts');
  return parsePolicyFile(text, path, dialers);
}
