/** What is kept of what the user is told. */

import { mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createLog } from '../../../src/observe/log.ts';
import { openLogFile } from '../../../src/observe/log-file.ts';

const TIMED = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (.*)$/;

let folder: string;
let path: string;
let said: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kns-log-'));
  path = join(folder, 'log');
  said = '';
});
afterEach(() => rmSync(folder, { recursive: true }));

const stderr = { write: (text: string) => (said += text) };

/** Each line without its time. */
function kept(): (string | undefined)[] {
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
  return lines.map((line) => TIMED.exec(line)?.[1]);
}

test('each line has its time, those of -v among them, and what was there before stays', async () => {
  for (const verbosity of [0, 2]) {
    const file = await openLogFile(path, verbosity, createLog(0, stderr));
    expect(file.log.hasDebug).toBe(verbosity === 2);
    file.log.warn('a warning');
    file.log.info('what happens');
    file.log.debug('a connection');
    file.keep('an error\nwith its stack');
    await file.close();
    file.log.info('too late');
  }
  expect(kept()).toEqual([
    'a warning',
    'what happens',
    'an error',
    'with its stack',
    'a warning',
    'what happens',
    'a connection',
    'an error',
    'with its stack',
  ]);
  expect(said).toBe('kns-rootless: a warning\nkns-rootless: a warning\n');
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test('another log is told all the same', async () => {
  const file = await openLogFile(path, 0, createLog(2, stderr));
  expect(file.log.hasDebug).toBe(true);
  file.log.debug('a connection');
  await file.close();
  expect(said).toBe('kns-rootless: a connection\n');
  expect(readFileSync(path, 'utf8')).toBe('');
});

test('what becomes of its name changes nothing', async () => {
  const file = await openLogFile(path, 0, createLog(0, stderr));
  const other = join(folder, 'other');
  renameSync(path, other);
  writeFileSync(path, 'what the command has put there');
  file.log.info('what happens');
  await file.close();
  expect(readFileSync(path, 'utf8')).toBe('what the command has put there');
  expect(readFileSync(other, 'utf8')).toMatch(/ what happens\n$/);
});

test('a file that can not be had is an error to act on', async () => {
  for (const place of [folder, join(folder, 'missing', 'log')])
    await expect(openLogFile(place, 0, createLog(0, stderr))).rejects.toMatchObject({
      code: 'LOG_FILE_FAILED',
    });
});
