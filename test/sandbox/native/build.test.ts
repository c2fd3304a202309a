/** The build: once, by whichever compiler there is, and without harm when several run at once. */

import { chmodSync, chownSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { buildNative } from '../../../sandbox/native/build.ts';
import { buildInCache, cacheDirectory } from '../../../sandbox/native/locate.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kns-build-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
  vi.unstubAllEnvs();
});

const ALL = ['addon.node', 'kns-netns', 'kns-stub', 'sources.sha256'];

test('several at once make one whole build, and the next does nothing', async () => {
  const output = join(folder, 'new/linux');
  await Promise.all([buildNative(output), buildNative(output)]);
  expect(readdirSync(output).sort()).toEqual(ALL);
  const built = statSync(join(output, 'kns-stub')).mtimeMs;
  await buildNative(output);
  expect(statSync(join(output, 'kns-stub')).mtimeMs).toBe(built);
});

test('a build of other sources is not taken for this one', async () => {
  for (const name of ALL) writeFileSync(join(folder, name), 'old');
  await buildNative(folder);
  expect(statSync(join(folder, 'kns-stub')).size).toBeGreaterThan(1000);
});

test('NO_COMPILER, with what to install', async () => {
  vi.stubEnv('CC', join(folder, 'no-such-compiler'));
  await expect(buildNative(folder)).rejects.toMatchObject({
    code: 'NO_COMPILER',
    remedy: expect.stringContaining('apt-get install gcc'),
  });
  expect(readdirSync(folder)).toEqual([]);
});

test('BUILD_FAILED, when the compiler does not do its work', async () => {
  const compiler = join(folder, 'cc');
  writeFileSync(
    compiler,
    '#!/bin/sh\n[ "$1" = --version ] || { echo "x.c:1: error: broken" >&2; exit 1; }\n',
    { mode: 0o755 },
  );
  vi.stubEnv('CC', compiler);
  const output = join(folder, 'output');
  await expect(buildNative(output)).rejects.toMatchObject({
    code: 'BUILD_FAILED',
    message: expect.stringContaining('error: broken'),
  });
  expect(readdirSync(output)).toEqual([]);
});

test('BUILD_FAILED, where the cache can not be written to', async () => {
  const file = join(folder, 'file');
  writeFileSync(file, '');
  vi.stubEnv('XDG_CACHE_HOME', file);
  await expect(buildInCache()).rejects.toMatchObject({
    code: 'BUILD_FAILED',
    message: expect.stringContaining(file),
    remedy: expect.stringContaining('XDG_CACHE_HOME'),
  });
});

test("the user's cache keeps a build of its own for each state of the sources", async () => {
  vi.stubEnv('XDG_CACHE_HOME', folder);
  const artefacts = await buildInCache();
  expect(artefacts.stub).toMatch(new RegExp(`^${folder}/kns-rootless/[0-9a-f]{16}/kns-stub$`));
  expect(statSync(artefacts.addon).isFile()).toBe(true);
  const directory = dirname(artefacts.stub);
  expect(statSync(directory).mode & 0o777).toBe(0o700);

  // What others may have put there is not run.
  chmodSync(directory, 0o775);
  await expect(buildInCache()).rejects.toMatchObject({
    code: 'BUILD_FAILED',
    message: expect.stringContaining(directory),
  });
});

test.runIf(process.getuid?.() === 0)("root's cache is in its own home, where $HOME is another's", () => {
  vi.stubEnv('XDG_CACHE_HOME', undefined);
  vi.stubEnv('HOME', folder);
  expect(cacheDirectory()).toBe(join(folder, '.cache'));
  chownSync(folder, 1, 1);
  expect(cacheDirectory()).toBe(join(userInfo().homedir, '.cache'));
});
