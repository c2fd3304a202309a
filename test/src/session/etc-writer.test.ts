/** The files of /etc as names come and go, on a clock that moves by hand. */

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { NameTable, type NameRecord } from '../../../src/names/name-table.ts';
import { EtcWriter } from '../../../src/session/etc-writer.ts';

const record = (address: string): NameRecord => ({
  addresses: [address],
  ports: [],
  targets: [],
  inHosts: true,
});

/** A file that remembers what was written to it. */
function file() {
  const texts: string[] = [];
  return { texts, write: (text: string) => void texts.push(text) };
}

async function writer() {
  const names = new NameTable();
  names.claim('web', 0, record('10.0.1.7'));
  const files = { hosts: file(), resolvConf: file(), nsswitchConf: file() };
  const etc = EtcWriter.start({ files, names, nameServer: '10.0.1.1', search: ['cluster.local'] });
  return { names, files, etc };
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'hrtime'] });
});
afterEach(() => {
  vi.useRealTimers();
});

test('all three are written before the command starts', async () => {
  const { files } = await writer();
  expect(files.hosts.texts).toEqual([expect.stringContaining('10.0.1.7\tweb\n')]);
  expect(files.resolvConf.texts).toEqual([
    expect.stringMatching(/^nameserver 10\.0\.1\.1\nsearch cluster\.local/),
  ]);
  expect(files.nsswitchConf.texts).toEqual([expect.stringContaining('hosts:')]);
});

test('changes of a moment are written together, and soon', async () => {
  const { names, files, etc } = await writer();
  for (let i = 0; i < 100; i++) {
    names.claim(`late-${i}`, 0, record(`10.0.2.${i}`));
    etc.namesChanged();
  }
  await vi.advanceTimersByTimeAsync(100);
  expect(files.hosts.texts).toHaveLength(2);
  expect(files.hosts.texts[1]).toContain('10.0.2.99\tlate-99\n');
});

test('a change that the file does not show is not written', async () => {
  const { names, files, etc } = await writer();
  names.claim('ext', 0, { ...record(''), addresses: [], alias: 'example.com', inHosts: false });
  etc.namesChanged();
  await vi.advanceTimersByTimeAsync(100);
  expect(files.hosts.texts).toHaveLength(1);
});

test('many changes in a row are written a bounded number of times', async () => {
  const { names, files, etc } = await writer();
  for (let i = 0; i < 100; i++) {
    names.claim(`late-${i}`, 0, record(`10.0.2.${i}`));
    etc.namesChanged();
    await vi.advanceTimersByTimeAsync(10);
  }
  expect(files.hosts.texts.length).toBeGreaterThan(2);
  expect(files.hosts.texts.length).toBeLessThanOrEqual(1 + 1000 / 50);
});

test('nothing is written after the end', async () => {
  const { names, files, etc } = await writer();
  names.claim('late', 0, record('10.0.2.1'));
  etc.namesChanged();
  etc.close();
  etc.namesChanged();
  await vi.advanceTimersByTimeAsync(1000);
  expect(files.hosts.texts).toHaveLength(1);
});
