/** `--pcap`: what a command has said and heard, packet by packet. */

import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ordinaryUser } from '../support/ordinary-user.ts';
import { type RunResult, runProgram } from '../support/program.ts';
import { type ReadCapture, readCapture } from '../support/read-capture.ts';
import { TEST_LINK } from '../support/test-link.ts';

const LINKTYPE_ETHERNET = 1;
const LINKTYPE_RAW = 101;

let folder: string;
let file: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'kns-capture-'));
  chmodSync(folder, 0o777);
  file = join(folder, 'packets');
});
afterAll(() => rmSync(folder, { recursive: true }));

function run(script: string, ...options: string[]): Promise<RunResult> {
  return runProgram(['-n', 'e2e', ...options, '--', 'sh', '-c', script]);
}

function captured(): ReadCapture {
  return readCapture(readFileSync(file));
}

/** What was carried one way, headers and all. */
function said({ packets }: ReadCapture, inbound: boolean): string {
  return Buffer.concat(packets.filter((one) => one.inbound === inbound).map(({ bytes }) => bytes)).toString(
    'latin1',
  );
}

test('has each packet of the command, both ways, in the order of their times', async () => {
  const before = Date.now();
  const { stdout, stderr } = await run('curl -sS http://web/healthz', '--pcap', file);
  expect([stdout, stderr]).toEqual(['ok\n', '']);
  const capture = captured();
  expect(capture).toMatchObject({
    linkType: TEST_LINK === 'veth' ? LINKTYPE_ETHERNET : LINKTYPE_RAW,
    interfaceName: 'kns0',
    end: { received: capture.packets.length, dropped: 0 },
  });
  expect(said(capture, true)).toMatch(/GET \/healthz HTTP\/1\.1\r\n/);
  expect(said(capture, false)).toMatch(/HTTP\/1\.1 200 OK\r\n[^]*ok\n/);
  const times = capture.packets.map(({ timeMs }) => timeMs);
  expect(times).toEqual([...times].sort((one, other) => one - other));
  expect(times[0]).toBeGreaterThanOrEqual(before);
  expect(times.at(-1)).toBeLessThanOrEqual(Date.now());
});

test("is the user's alone, and takes the place of what was there", async () => {
  rmSync(file, { force: true });
  await run('true', '--pcap', file);
  expect([statSync(file).mode & 0o777, statSync(file).uid]).toEqual([0o600, ordinaryUser().uid]);
  writeFileSync(file, 'x'.repeat(100_000));
  chmodSync(file, 0o644);
  await run('true', '--pcap', file);
  expect([captured().packets, statSync(file).mode & 0o777]).toEqual([[], 0o600]);
});

test('one that can not be had is told before anything starts', async () => {
  const { code, stdout, stderr } = await run('echo started', '--pcap', join(folder, 'missing', 'packets'));
  expect([code, stdout]).toEqual([125, '']);
  expect(stderr).toMatch(
    /^kns-rootless: the capture can't be written: ENOENT.*\[CAPTURE_FAILED\]: name a file/,
  );
});

test('a disk that is full ends the capture, and nothing else', async () => {
  const { code, stdout, stderr } = await run('curl -sS http://web/healthz', '--pcap', '/dev/full');
  expect([code, stdout]).toEqual([0, 'ok\n']);
  expect(stderr).toMatch(/^kns-rootless: the capture ends here: ENOSPC[^\n]*\n$/);
});
