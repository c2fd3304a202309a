/** A fresh clone is installed by `npm ci`, whose packages are those of package-lock.json and no others. */

import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';

const ROOT = join(import.meta.dirname, '..');

test('npm ci takes package-lock.json as it is, whatever the registry has', () => {
  const folder = mkdtempSync(join(tmpdir(), 'kns-lock-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  for (const file of ['package.json', 'package-lock.json'])
    copyFileSync(join(ROOT, file), join(folder, file));
  // To be completed by npm run lock.
  const options = ['--dry-run', '--offline', '--cache', join(folder, 'cache')];
  expect(execFileSync('npm', ['ci', ...options], { cwd: folder, encoding: 'utf8' })).toMatch(
    /added \d+ packages/,
  );
});

test('package-lock.json names no registry', () => {
  expect(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')).not.toContain('"resolved"');
});
