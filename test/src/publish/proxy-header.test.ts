/** The PROXY header, byte by byte as proxy-protocol.txt has it. */

import { expect, test } from 'vitest';
import { proxyHeader } from '../../../src/publish/tcp/proxy-header.ts';

const IPV4 = { remoteAddress: '192.0.2.7', remotePort: 40_001, localAddress: '198.51.100.1', localPort: 80 };
const IPV6 = { remoteAddress: '2001:db8::7', remotePort: 258, localAddress: '2001:db8::1', localPort: 443 };

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const SIGNATURE = '0d0a0d0a000d0a515549540a';

test('version 1 is a line', () => {
  expect(String(Buffer.from(proxyHeader('v1', IPV4)))).toBe('PROXY TCP4 192.0.2.7 198.51.100.1 40001 80\r\n');
  expect(String(Buffer.from(proxyHeader('v1', IPV6)))).toBe('PROXY TCP6 2001:db8::7 2001:db8::1 258 443\r\n');
});

test('version 2 has the signature, command, family, length, addresses and ports', () => {
  expect(hex(proxyHeader('v2', IPV4))).toBe(`${SIGNATURE}2111000cc0000207c63364019c410050`);
  const [source, target] = ['20010db8000000000000000000000007', '20010db8000000000000000000000001'];
  expect(hex(proxyHeader('v2', IPV6))).toBe(`${SIGNATURE}21210024${source}${target}010201bb`);
});

test('an IPv4 client of a socket for both versions is one of IPv4', () => {
  const mapped = { ...IPV4, remoteAddress: '::ffff:192.0.2.7', localAddress: '::ffff:198.51.100.1' };
  expect(proxyHeader('v1', mapped)).toEqual(proxyHeader('v1', IPV4));
  expect(proxyHeader('v2', mapped)).toEqual(proxyHeader('v2', IPV4));
});

test('a link-local client is told without its zone, of which a server would make nothing', () => {
  const zoned = { ...IPV6, remoteAddress: 'fe80::7%eth0', localAddress: 'fe80::1%eth0' };
  expect(String(Buffer.from(proxyHeader('v1', zoned)))).toBe('PROXY TCP6 fe80::7 fe80::1 258 443\r\n');
});

test('a client that has gone has none', () => {
  expect(() => proxyHeader('v2', { ...IPV4, remoteAddress: undefined })).toThrow('gone');
});
