import fc from 'fast-check';
import ipaddr from 'ipaddr.js';
import { describe, expect, test } from 'vitest';
import { AddressPlan } from '../../../src/names/address-plan.ts';
import { formatAddress, parseAddress } from '../../../stack/ip/address.ts';

const CIDR6 = 'fd6b:6e73::/64';
const plan = (cidr: string, cidr6 = CIDR6) => new AddressPlan(cidr, cidr6);
const keys = (n: number) => Array.from({ length: n }, (_, i) => `cluster/e2e/service-${i}`);

describe('AddressPlan', () => {
  test('gives the gateway the first address of each range and the sandbox the second', () => {
    const { gateway, sandbox, prefixLengths } = plan('10.0.1.0/24');
    expect([gateway, sandbox, prefixLengths]).toEqual([
      ['10.0.1.1', 'fd6b:6e73::1'],
      ['10.0.1.2', 'fd6b:6e73::2'],
      [24, 64],
    ]);
  });

  test('gives the same key the same addresses, alone or among others, in this run and the next', () => {
    const alone = plan('10.0.0.0/16').assign('cluster/e2e/web');
    const among = plan('10.0.0.0/16');
    for (const key of keys(50)) among.assign(key);
    expect(among.assign('cluster/e2e/web')).toEqual(alone);
    expect(among.assign('cluster/e2e/web')).toEqual(alone);
  });

  test('gives both families the same host part', () => {
    const given = plan('10.0.0.0/8', 'fd00:1::/104').assign('cluster/e2e/web');
    const [a, b] = [ipaddr.IPv4.parse(given?.[0] ?? ''), ipaddr.IPv6.parse(given?.[1] ?? '')];
    expect(b.toByteArray().slice(-3)).toEqual(a.toByteArray().slice(-3));
    expect(b.match(ipaddr.IPv6.parse('fd00:1::'), 104)).toBe(true);
  });

  test('spells addresses as the stack does, so that they may be compared as text', () => {
    const wide = plan('10.0.0.0/8', 'fd00:0:1::/64');
    for (const key of keys(100)) {
      const [ipv4, ipv6] = wide.assign(key) ?? ['', ''];
      expect(formatAddress(4, parseAddress(ipv4), 0)).toBe(ipv4);
      expect(formatAddress(6, parseAddress(ipv6), 0)).toBe(ipv6);
    }
  });

  test('fills a range to the last address, each one once, none of them special', () => {
    fc.assert(
      fc.property(fc.integer({ min: 24, max: 29 }), fc.string({ maxLength: 8 }), (prefixLength, salt) => {
        const cidr = `10.0.1.0/${prefixLength}`;
        const full = plan(cidr);
        const given = keys(full.capacity).map((key) => full.assign(salt + key)?.[0] ?? '');
        const special = [full.gateway[0], full.sandbox[0], '10.0.1.0'];
        special.push(ipaddr.IPv4.broadcastAddressFromCIDR(cidr).toString());
        expect(new Set([...given, ...special]).size).toBe(2 ** (32 - prefixLength));
        expect(given.every((address) => full.contains(address))).toBe(true);
      }),
      { numRuns: 30 },
    );
  });

  test('has nothing for one more, and still what was given before', () => {
    const full = plan('10.0.1.0/28');
    const given = keys(full.capacity).map((key) => full.assign(key));
    expect(full.assign('cluster/e2e/late')).toBeUndefined();
    expect(keys(full.capacity).map((key) => full.assign(key))).toEqual(given);
  });

  test('says which range would do when there are more keys than addresses', () => {
    const error = plan('10.0.1.0/24').full(300);
    expect(error).toMatchObject({ code: 'CIDR_FULL' });
    expect(error.remedy).toContain('--cidr 10.0.0.0/23');
    expect(plan('10.0.0.0/23').capacity).toBeGreaterThan(300);
  });

  test('knows the addresses of its ranges, given or not', () => {
    const { contains } = bound(plan('10.0.1.0/24'));
    expect(['10.0.1.77', '10.0.2.1', 'fd6b:6e73::77', 'fd6b:6e74::1', '::1'].map(contains)).toEqual([
      true,
      false,
      true,
      false,
      false,
    ]);
  });

  test.each([
    ['10.0.1.7/24', 'host bits set, the range is 10.0.1.0/24'],
    ['10.0.1.0/30', 'too small'],
    ['0.0.0.0/4', 'too large'],
    ['127.0.0.0/24', 'loopback'],
    ['224.0.0.0/24', 'multicast'],
    ['10.0.1.0', 'not an IPv4 range'],
    ['fd00::/64', 'not an IPv4 range'],
    ['', 'not an IPv4 range'],
  ])('refuses %s: %s', (cidr, why) => {
    expect(() => plan(cidr)).toThrowError(
      expect.objectContaining({ code: 'CIDR_INVALID', message: expect.stringContaining(why) }),
    );
  });

  test.each([
    ['fd00::7/64', 'host bits set, the range is fd00::/64'],
    ['fd00::/120', 'too small'],
    ['fe80::/64', 'linkLocal'],
    ['ff00::/64', 'multicast'],
    ['10.0.1.0/24', 'not an IPv6 range'],
  ])('refuses %s as an IPv6 range: %s', (cidr6, why) => {
    expect(() => plan('10.0.1.0/24', cidr6)).toThrowError(
      expect.objectContaining({
        code: 'CIDR_INVALID',
        message: expect.stringMatching(new RegExp(`^--cidr6 .*${why}`)),
      }),
    );
  });
});

function bound(each: AddressPlan) {
  return { contains: (address: string) => each.contains(address) };
}
