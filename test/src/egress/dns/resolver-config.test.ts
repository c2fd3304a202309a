import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { HostResolvers, parseResolverConfig } from '../../../../src/egress/dns/resolver-config.ts';

const addresses = (text: string): string[] => parseResolverConfig(text).servers.map(({ address }) => address);

test('three servers are asked, as glibc has it; comments and nonsense are none', () => {
  const text = `# nameserver 192.0.2.9
nameserver 127.0.0.53
; nameserver 192.0.2.8
nameserver	fe80::1%eth0
nameserver example.com
 nameserver 192.0.2.1 # the third
nameserver 192.0.2.2`;
  expect(addresses(text)).toEqual(['127.0.0.53', 'fe80::1%eth0', '192.0.2.1']);
});

test('without any it is the one on this machine', () => {
  expect(addresses('search example.com')).toEqual(['127.0.0.1']);
});

test.each([
  ['', { timeoutMs: 5_000, attempts: 2, rotate: false, tcpOnly: false }],
  ['options timeout:1 attempts:4 rotate', { timeoutMs: 1_000, attempts: 4, rotate: true, tcpOnly: false }],
  [
    'options timeout:99 attempts:99\noptions use-vc',
    { timeoutMs: 30_000, attempts: 5, rotate: false, tcpOnly: true },
  ],
  ['options timeout:0 attempts:x', { timeoutMs: 1_000, attempts: 2, rotate: false, tcpOnly: false }],
])('options: %j', (text, expected) => {
  expect(parseResolverConfig(text)).toMatchObject(expected);
});

test.each([
  ['', []],
  ['search a.example b.example', ['a.example', 'b.example']],
  ['search a.example\ndomain b.example', ['b.example']],
])('search list: %j', (text, expected) => {
  expect(parseResolverConfig(text).search).toEqual(expected);
});

test('the file is read again when it was replaced, and kept while it is not there', () => {
  const folder = mkdtempSync(join(tmpdir(), 'kns-resolv-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const clock = vi.spyOn(process, 'hrtime').mockReturnValue([0, 0]);
  onTestFinished(() => clock.mockRestore());
  const file = join(folder, 'resolv.conf');
  writeFileSync(file, 'nameserver 192.0.2.1');
  const resolvers = new HostResolvers(file);
  const first = resolvers.current();
  expect(first.servers[0]?.address).toBe('192.0.2.1');
  writeFileSync(`${file}.new`, 'nameserver 192.0.2.22');
  renameSync(`${file}.new`, file);
  expect(resolvers.current()).toBe(first);
  clock.mockReturnValue([1, 500_000_000]);
  expect(resolvers.current().servers[0]?.address).toBe('192.0.2.22');
  rmSync(file);
  clock.mockReturnValue([3, 0]);
  expect(resolvers.current().servers[0]?.address).toBe('192.0.2.22');
});
