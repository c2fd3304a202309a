import fc from 'fast-check';
import ipaddr from 'ipaddr.js';
import { describe, expect, test } from 'vitest';
import { AddressPlan } from '../../../src/names/address-plan.ts';

const keys = (n: number) => Array.from({ length: n }, (_, i) => `cluster/e2e/service-${i}`);

describe('AddressPlan', () => {
  test('gives the gateway the first address and the sandbox the second', () => {
    const plan = new AddressPlan('10.0.1.0/24');
    expect([plan.gateway, plan.sandbox, plan.prefixLength]).toEqual(['10.0.1.1', '10.0.1.2', 24]);
  });

  test('gives the same key the same address, alone or among others, in this run and the next', () => {
    const [alone] = new AddressPlan('10.0.0.0/16').assign(['cluster/e2e/web']);
    const plan = new AddressPlan('10.0.0.0/16');
    const among = plan.assign(['cluster/e2e/db', 'cluster/e2e/web', 'cluster/e2e/multi']);
    expect(among[1]).toBe(alone);
    expect(plan.assign(['cluster/e2e/web'])).toEqual([alone]);
  });

  test('fills a range to the last address, each one once, none of them special', () => {
    fc.assert(
      fc.property(fc.integer({ min: 24, max: 29 }), fc.string({ maxLength: 8 }), (prefixLength, salt) => {
        const cidr = `10.0.1.0/${prefixLength}`;
        const plan = new AddressPlan(cidr);
        const given = plan.assign(keys(plan.capacity).map((key) => salt + key));
        const special = [plan.gateway, plan.sandbox, '10.0.1.0'];
        special.push(ipaddr.IPv4.broadcastAddressFromCIDR(cidr).toString());
        expect(new Set([...given, ...special]).size).toBe(2 ** (32 - prefixLength));
        for (const address of given)
          expect(ipaddr.IPv4.parse(address).match(ipaddr.IPv4.parseCIDR(cidr))).toBe(true);
      }),
      { numRuns: 30 },
    );
  });

  test('says which range would do when there are more keys than addresses', () => {
    const plan = new AddressPlan('10.0.1.0/24');
    expect(() => plan.assign(keys(300))).toThrowError(
      expect.objectContaining({ code: 'CIDR_FULL', remedy: expect.stringContaining('--cidr 10.0.0.0/23') }),
    );
    expect(new AddressPlan('10.0.0.0/23').assign(keys(300))).toHaveLength(300);
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
    expect(() => new AddressPlan(cidr)).toThrowError(
      expect.objectContaining({ code: 'CIDR_INVALID', message: expect.stringContaining(why) }),
    );
  });
});
