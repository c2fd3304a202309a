import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const EXAMPLE = join(import.meta.dirname, '../../fixtures/examples/two-stacks.mjs');

test('the example of the library carries a file over its lossy link', () => {
  const folder = mkdtempSync(join(tmpdir(), 'kns-example-'));
  try {
    const file = join(folder, 'file');
    writeFileSync(file, randomBytes(1 << 20));
    const shown = execFileSync(process.execPath, [EXAMPLE, file], { encoding: 'utf8' });
    expect(shown).toMatch(
      /^1048576 bytes in \d+ ms of the link's time, \d+ packets lost: finished\nthe content is the same\n$/,
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
});
