/** Which directories are hidden from a command, as those where sandboxes are found. */

import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { stateDirectories } from '../../../src/named/state-directory.ts';

let runtime: string;
beforeEach(() => {
  runtime = mkdtempSync(join(tmpdir(), 'kns-runtime-'));
});
afterEach(() => rmSync(runtime, { recursive: true }));

const hidden = () => stateDirectories({ XDG_RUNTIME_DIR: runtime });
const ours = () => join(runtime, 'kns-rootless');

test('a directory of ours is', () => {
  mkdirSync(ours());
  expect(hidden()).toContain(ours());
});

test('what is not there is not', () => {
  expect(hidden()).not.toContain(ours());
});

test('nor is what a link in its place leads to', () => {
  symlinkSync('/usr', ours());
  expect(hidden()).not.toContain(ours());
});
