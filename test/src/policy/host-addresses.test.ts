/** The kernel's tables, as it writes them (net/ipv4/fib_trie.c, net/ipv6/route.c); the real ones are met in egress.test.ts. */

import { expect, test } from 'vitest';
import { textOf } from '../../../src/policy/address.ts';
import { type HostRange, hostRanges, ofIpv4Table, ofIpv6Table } from '../../../src/policy/host-addresses.ts';

const texts = (ranges: readonly HostRange[]) =>
  ranges.map(({ kind, range }) => `${kind} ${textOf(range.words)}/${range.prefixLength}`);

test('IPv4: local and broadcast routes of the main and the local table', () => {
  const table = `Main:
  +-- 0.0.0.0/0 3 0 5
     +-- 172.17.0.0/16 2 0 2
        +-- 172.17.0.0/31 1 0 0
           |-- 172.17.0.0
              /16 link UNICAST
           |-- 172.17.0.1
              /32 host LOCAL
        |-- 172.17.255.255
           /32 link BROADCAST
Id 100:
  |-- 0.0.0.0
     /0 host LOCAL
  |-- 198.18.0.0
     /15 host LOCAL
Local:
  |-- 203.0.113.0
     /24 host LOCAL tos=16
  |-- 0.0.0.0
     /0 host LOCAL
`;
  expect(texts(ofIpv4Table(table))).toEqual([
    'own 172.17.0.1/32',
    'group 172.17.255.255/32',
    'own 203.0.113.0/24',
  ]);
});

test('IPv6: local and anycast routes, and no default one', () => {
  const zeros = '0'.repeat(32);
  const line = (address: string, length: string, flags: string) =>
    `${address} ${length} ${zeros} 00 ${zeros} 00000000 00000003 00000000 ${flags}       lo`;
  const table = [
    line('20010db8000500000000000000000000', '40', '00000001'),
    line('20010db8000500000000000000000001', '80', '80200001'),
    line('20010db8000500000000000000000000', '80', '00100001'),
    line('20010db8007700000000000000000000', '30', '80000001'),
    line(zeros, '00', '80000001'),
    '',
  ].join('\n');
  expect(texts(ofIpv6Table(table))).toEqual([
    'own 2001:db8:5::1/128',
    'own 2001:db8:5::/128',
    'own 2001:db8:77::/48',
  ]);
});

test('what the tables do not say the interfaces do, and each is there once', () => {
  const found = texts(hostRanges());
  expect(found).toContain('own 127.0.0.1/32');
  expect(new Set(found).size).toBe(found.length);
});
