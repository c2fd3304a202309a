/** Names and their locks, with the real ones of the kernel. */

import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { checkName, Claim, liveNames } from '../../../src/named/registry.ts';

let folder: string;
let state: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kns-registry-'));
  state = join(folder, 'state');
});
afterEach(() => rmSync(folder, { recursive: true }));

const taken = expect.objectContaining({ code: 'SANDBOX_NAME_TAKEN' });

describe('a claim', () => {
  test('is one at a time, and ends with its release; nothing is left', async () => {
    const claim = await Claim.take(state, 'one');
    await expect(Claim.take(state, 'one')).rejects.toEqual(taken);
    const other = await Claim.take(state, 'other');
    expect(await liveNames(state)).toEqual(['one', 'other']);
    claim.release();
    expect(await liveNames(state)).toEqual(['other']);
    const again = await Claim.take(state, 'one');
    again.release();
    again.release();
    other.release();
    expect(existsSync(state)).toBe(false);
  });

  test('is one of many who want it at the same moment', async () => {
    const attempts = await Promise.allSettled(Array.from({ length: 16 }, () => Claim.take(state, 'one')));
    const claims = attempts.flatMap((attempt) => (attempt.status === 'fulfilled' ? [attempt.value] : []));
    expect(claims).toHaveLength(1);
    for (const attempt of attempts.filter(({ status }) => status === 'rejected'))
      expect(attempt).toMatchObject({ reason: { code: 'SANDBOX_NAME_TAKEN' } });
    claims[0]?.release();
  });

  test('survives those who look for what was left behind meanwhile', async () => {
    const names = Array.from({ length: 20 }, (_, i) => `sandbox-${i}`);
    const looking = Promise.all(Array.from({ length: 20 }, () => liveNames(state)));
    const claims = await Promise.all(names.map((name) => Claim.take(state, name)));
    await looking;
    expect(await liveNames(state)).toEqual(names);
    for (const claim of claims) claim.release();
    expect(existsSync(state)).toBe(false);
  });

  test('takes over what was left behind, its socket too', async () => {
    mkdirSync(join(state, 'one'), { recursive: true, mode: 0o700 });
    writeFileSync(join(state, 'one/control'), '');
    const claim = await Claim.take(state, 'one');
    expect(existsSync(join(state, 'one/control'))).toBe(false);
    claim.release();
  });

  test('makes a directory that lets nobody else in, in a path of any length', async () => {
    const deep = join(folder, 'x'.repeat(120));
    mkdirSync(deep);
    const claim = await Claim.take(join(deep, 'state'), 'one');
    for (const path of [join(deep, 'state'), claim.directory])
      expect(statSync(path).mode & 0o777).toBe(0o700);
    expect(claim.socketPath.length).toBeLessThan(108);
    claim.release();
  });

  test('is not made by way of a link', async () => {
    mkdirSync(state, { mode: 0o700 });
    symlinkSync('/tmp', join(state, 'one'));
    await expect(Claim.take(state, 'one')).rejects.toEqual(taken);
  });
});

test('what was left behind is removed by looking; what is no entry is left alone', async () => {
  mkdirSync(join(state, 'left'), { recursive: true, mode: 0o700 });
  writeFileSync(join(state, 'file'), '');
  expect(await liveNames(state)).toEqual([]);
  expect([existsSync(join(state, 'left')), existsSync(join(state, 'file'))]).toEqual([false, true]);
});

test.each(['a', 'web-1', 'A.b_c', '1a', 'x'.repeat(63)])('%s is a name', (name) => {
  expect(checkName(name)).toBe(name);
});

test.each(['', '1', '4711', '.', '..', '-x', 'a/b', 'a b', 'ä', 'x'.repeat(64), 'a\n'])(
  '%j is none',
  (name) => {
    expect(() => checkName(name)).toThrow(expect.objectContaining({ code: 'SANDBOX_NAME_INVALID' }));
  },
);
