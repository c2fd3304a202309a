/** A file that is written beside packets, and a named pipe in its place. */

import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { UsageError } from '../../../src/errors.ts';
import { type OutputFile, openOutputFile } from '../../../src/observe/output-file.ts';
import { until } from '../../support/until.ts';
import { LogLines } from '../cluster/probe.ts';

/** More than a pipe holds (pipe(7)). */
const MORE_THAN_A_PIPE = 1 << 20;

let folder: string;
let pipe: string;
let log: LogLines;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kns-output-'));
  pipe = join(folder, 'pipe');
  execFileSync('mkfifo', [pipe]);
  log = new LogLines();
});
afterEach(() => rmSync(folder, { recursive: true }));

function open(path = pipe): Promise<OutputFile> {
  return openOutputFile(path, {
    what: 'the record',
    failed: (message, remedy) => new UsageError('RECORD_FAILED', message, remedy),
    flags: 'w',
    maxPendingBytes: MORE_THAN_A_PIPE / 2,
    log,
  });
}

/** Opens it as its reader, who need not read. */
function attend(): { read: () => string; leave: () => void } {
  const fd = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
  const buffer = Buffer.alloc(1 << 16);
  return {
    read: () => buffer.toString('utf8', 0, readSync(fd, buffer)),
    leave: () => closeSync(fd),
  };
}

describe('a named pipe', () => {
  test('waits for its reader, who may be started beside', async () => {
    const opening = open();
    const reader = attend();
    const file = await opening;
    file.write('a word');
    await file.close();
    expect(reader.read()).toBe('a word');
    expect(reader.read()).toBe('');
    reader.leave();
    expect(log.lines).toEqual([]);
  });

  test('that nobody reads is an error in the end', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'hrtime'] });
    onTestFinished(() => void vi.useRealTimers());
    let error: unknown;
    open().catch((reason: unknown) => (error = reason));
    await until(async () => {
      await vi.advanceTimersByTimeAsync(1_000);
      return error !== undefined;
    });
    expect(error).toMatchObject({
      code: 'RECORD_FAILED',
      message: `the record can't be written: nobody reads ${pipe}`,
    });
  });

  test('whose reader stands still holds nobody up, nor the end', async () => {
    const opening = open();
    const reader = attend();
    const file = await opening;
    file.write('x'.repeat(MORE_THAN_A_PIPE));
    expect(file.hasRoom).toBe(false);
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    const closing = file.close();
    vi.advanceTimersByTime(5_000);
    await closing;
    expect(log.lines).toEqual(['warn: the end of the record is lost: it was not taken within 5 s']);
    reader.leave();
  });

  test('whose reader leaves is told once, and nothing more is taken for it', async () => {
    const opening = open();
    const reader = attend();
    const file = await opening;
    reader.leave();
    file.write('a word');
    await until(async () => log.lines.length > 0);
    file.write('another');
    expect(file.hasRoom).toBe(false);
    await file.close();
    expect(log.lines).toEqual([expect.stringMatching(/^warn: the record ends here: .*EPIPE/)]);
  });
});

test('a disk that is full is told once', async () => {
  const file = await open('/dev/full');
  file.write('a word');
  await file.close();
  expect(log.lines).toEqual([expect.stringMatching(/^warn: the record ends here: .*ENOSPC/)]);
});
