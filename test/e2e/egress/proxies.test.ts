/** Ways out by proxies: for all flows, or for those of a rule that names one. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { FAR, Outside } from './outside.ts';

// Several runs of the program in a test, on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

let outside: Outside;
beforeAll(async () => {
  outside = await Outside.start();
});
afterAll(() => outside.close());

/** What proxies were asked for since the last call. */
let seen = 0;
async function asked(): Promise<unknown[]> {
  const lines = (await outside.told()).slice(seen);
  seen += lines.length;
  return lines.filter((line) => line.includes('"proxy"')).map((line): unknown => JSON.parse(line));
}

describe.each([
  ['socks5', 'socks5://192.0.2.2:1080', 1080],
  ['socks5 at an IPv6 address', 'socks5h://[2001:db8::2]:1080', 1080],
  ['http', 'http://192.0.2.2:3128', 3128],
  ['https', 'https://192.0.2.2:3129', 3129],
])('%s', (_name, url, port) => {
  const options = () => ({
    args: ['--egress-proxy', url],
    env: { NODE_EXTRA_CA_CERTS: outside.authority },
  });

  test('streams, by name where it is known, each end by itself; a refusal', async () => {
    await asked();
    const [echo, halfClosed, byAddress, bulk, refused] = await outside.said(
      [
        ['tcp', 'web.example', 7000, 'echo'],
        ['tcp', FAR[4], 7000, 'abc'],
        ['tcp', FAR[6], 7000, 'echo'],
        ['tcp', FAR[4], 7000, 'bulk'],
        ['tcp', FAR[4], 9],
      ],
      options(),
    );
    expect([echo, halfClosed, byAddress, bulk]).toEqual(['echo', 'had 3', 'echo', 16 << 20]);
    // CONNECT has one status for a refusal and a host that is not there.
    expect(refused).toBe(port === 1080 ? 'ECONNREFUSED' : 'EHOSTUNREACH');
    const [first, ...others] = await asked();
    expect(first).toEqual({ proxy: port, authority: 'web.example:7000' });
    expect(others).toHaveLength(4);
  });
});

test('a proxy whose certificate nobody vouches for is none', async () => {
  const { stdout, stderr } = await outside.inside(outside.commandOf([['tcp', FAR[4], 7000]]), {
    args: ['--egress-proxy', 'https://192.0.2.2:3129', '-v'],
  });
  expect(stdout).toContain('ENETUNREACH');
  expect(stderr).toMatch(/the proxy https:\/\/192\.0\.2\.2:3129 does not connect us: .*certificate/);
});

test('datagrams by SOCKS5; by CONNECT they are prohibited', async () => {
  await asked();
  const steps = [['udp', FAR[4], 7001]] as const;
  const bySocks = { args: ['--egress-proxy', 'socks5://192.0.2.2:1080'] };
  expect(await outside.said(steps, bySocks)).toEqual(['hello']);
  expect(await asked()).toEqual([{ proxy: 'udp', authority: '192.0.2.2:7001' }]);
  const byConnect = { args: ['--egress-proxy', 'http://192.0.2.2:3128'] };
  expect(await outside.said(steps, byConnect)).toEqual(['EHOSTUNREACH']);
});

test('@name: a proxy for what a rule is about, and the direct way for the rest', async () => {
  await asked();
  const file = join(outside.folder, 'proxies.yaml');
  writeFileSync(
    file,
    `proxies:\n  office: http://192.0.2.2:3128\nrules:\n  - allow: v4.example\n    via: office\n`,
  );
  const args = ['--policy', file, '--egress-proxy', 'other=socks5://192.0.2.2:1080'];
  const steps = [
    ['tcp', 'v4.example', 7000, 'echo'],
    ['tcp', FAR[6], 7000, 'echo'],
    ['tcp', FAR[6], 7002],
  ] as const;
  const rules = ['--allow', '[2001:db8::2]:7000@other'];
  expect(await outside.said(steps, { args: [...rules, ...args] })).toEqual(['echo', 'echo', 'ECONNREFUSED']);
  expect(await asked()).toEqual([
    { proxy: 3128, authority: 'v4.example:7000' },
    { proxy: 1080, authority: '2001:db8:0:0:0:0:0:2:7000' },
  ]);
});

test('a proxy that is not there is no refusal by the destination', async () => {
  expect(
    await outside.said([['tcp', FAR[4], 7000]], { args: ['--egress-proxy', 'http://192.0.2.2:9'] }),
  ).toEqual(['ENETUNREACH']);
});

test('what is no proxy is said to be none before anything starts', async () => {
  const { code, stderr } = await outside.program(['--demo', '--egress-proxy', 'ftp://x:1', '--', 'true']);
  expect([code, stderr]).toEqual([125, expect.stringContaining('EGRESS_PROXY_INVALID')]);
});
