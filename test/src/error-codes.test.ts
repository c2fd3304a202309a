/** docs/errors.md has every code that a user may meet, and no other. */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');

/** Speaks before there is Node. */
const SHIM = 'shim/kns-rootless';

/** Told to what was under way when the session ended; nobody sees it. */
const UNSEEN = new Set(['CLUSTER_CLOSED']);

/** A class of errors, or a function of the same file that makes one, with its code; and one that has no class yet. */
const THROWN = /(?:\w*Error|invalid|failed|refused)\(\s*'([A-Z][A-Z_]+)'|\[(NODE_[A-Z_]+)\]/g;

function codesIn(folder: string): string[] {
  const files = readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' });
  const sources = files.filter((file) => file.endsWith('.ts') || file === SHIM);
  const text = sources.map((file) => readFileSync(join(ROOT, folder, file), 'utf8')).join('\n');
  return [...text.matchAll(THROWN)].map(([, code, other]) => code ?? other);
}

test('the documented codes are those that are thrown', () => {
  const thrown = new Set([...codesIn('src'), ...codesIn('sandbox')].filter((code) => !UNSEEN.has(code)));
  const tables = readFileSync(join(ROOT, 'docs/errors.md'), 'utf8').matchAll(/^\| (`[A-Z_`, ]+) \|/gm);
  const documented = [...tables].flatMap(([, cell]) => cell.replaceAll('`', '').split(', '));
  expect(documented.toSorted()).toEqual([...thrown].toSorted());
});
