/** Every decision is that of the naive policy, whatever the rules and wherever the flow goes. */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Policy } from '../../../src/policy/policy.ts';
import { parseRuleOption } from '../../../src/policy/rule.ts';
import {
  type AddressRange,
  maskedWords,
  parseAddressRange,
  policyAddress,
} from '../../../src/policy/address.ts';
import { mismatch } from '../../../src/policy/explain.ts';
import { type NaiveFlow, type NaiveRule, naiveVerdict } from './naive.ts';

const OWN = ['192.168.7.20', 'fd12::20'];
/** Few of each, so that rules and flows meet. */
const ADDRESSES = [
  '8.8.8.8',
  '8.8.4.4',
  '10.0.0.1',
  '10.1.2.3',
  '10.1.2.4',
  '127.0.0.1',
  '127.255.0.3',
  '0.0.0.0',
  '169.254.169.254',
  '169.254.1.1',
  '100.100.100.200',
  '192.168.7.20',
  '192.168.7.21',
  '224.0.0.251',
  '255.255.255.255',
  '::',
  '::1',
  'fe80::1',
  'fd00:ec2::254',
  'fd12::20',
  'fd12::21',
  'ff02::1',
  '2001:db8::1',
  '2001:db8:1::5',
  '::ffff:10.1.2.3',
  '::ffff:127.0.0.1',
  '64:ff9b::a9fe:a9fe',
  '64:ff9b::8.8.8.8',
  '::ffff:0:10.1.2.3',
  '64:ff9b:1::10.1.2.3',
  '2002:7f00:1::1',
  '2002:a01:203::9',
  '2001:0:1::80ff:fffe',
  '2001:0:1::f5fe:fdfc',
  'fd12::5efe:10.1.2.3',
  'fd12::200:5efe:169.254.169.254',
  '::10.1.2.3',
];
const NAMES = ['example.com', 'www.example.com', 'a.b.example.com', 'example.net', 'notexample.com'];
const PORTS = [1, 53, 80, 443, 8080, 65_535];

const address = fc.constantFrom(...ADDRESSES);
const protocol = fc.constantFrom('tcp' as const, 'udp' as const, 'icmp' as const);
const range = fc.tuple(address, fc.double({ min: 0, max: 1, noNaN: true })).map(([text, share]) => {
  const { version, words } = policyAddress(text) ?? { version: 4, words: [0] };
  const bits = version === 4 ? 32 : 128;
  const prefixLength = Math.round(share * bits);
  const network = maskedWords(words, prefixLength);
  const bytes = network.flatMap((word) => [word >>> 24, (word >>> 16) & 255, (word >>> 8) & 255, word & 255]);
  const hex = (at: number): string => ((bytes[at] << 8) | bytes[at + 1]).toString(16);
  const written =
    version === 4 ? bytes.join('.') : Array.from({ length: 8 }, (_, group) => hex(group * 2)).join(':');
  return `${written}/${prefixLength}`;
});
const target = fc.oneof(
  { weight: 4, arbitrary: range },
  { weight: 2, arbitrary: fc.constantFrom(...NAMES, '*.example.com', '*.b.example.com', '*.com') },
  { weight: 1, arbitrary: fc.constant('*') },
);
const action = fc.constantFrom('allow' as const, 'deny' as const);
const OPTIONAL: { requiredKeys: ['action', 'target'] } = { requiredKeys: ['action', 'target'] };
const ports = fc
  .tuple(fc.constantFrom(...PORTS), fc.constantFrom(...PORTS))
  .map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const);
const rule: fc.Arbitrary<NaiveRule> = fc.oneof(
  fc.record({ action, target, protocol: fc.constantFrom('tcp', 'udp'), ports }, OPTIONAL),
  fc.record({ action, target, protocol: fc.constant('icmp') }),
);
const flow: fc.Arbitrary<NaiveFlow & { protocol: 'tcp' | 'udp' | 'icmp' }> = fc.record({
  protocol,
  address,
  port: fc.constantFrom(...PORTS),
  names: fc.subarray(NAMES, { maxLength: 2 }),
});

/** As a user writes it. */
function written({ protocol, target, ports }: NaiveRule): string {
  const host = ports !== undefined && target.includes(':') ? target.replace(/^[^/]+/, '[$&]') : target;
  return `${protocol === undefined ? '' : `${protocol}:`}${host}${ports === undefined ? '' : `:${ports.join('-')}`}`;
}

function policyOf(rules: readonly NaiveRule[], egress: 'allow' | 'deny'): Policy {
  return new Policy(
    { egress, rules: rules.map((one) => parseRuleOption(one.action, written(one), `--${one.action}`)) },
    () => OWN.map((address) => ({ kind: 'own', range: parseAddressRange(address) as AddressRange })),
  );
}

const egress = fc.constantFrom('allow' as const, 'deny' as const);

test('each decision is that of the naive policy', () => {
  fc.assert(
    fc.property(
      fc.array(rule, { maxLength: 12 }),
      egress,
      fc.array(flow, { minLength: 8, maxLength: 8 }),
      (rules, egress, flows) => {
        const policy = policyOf(rules, egress);
        for (const one of flows)
          expect({ one, verdict: policy.decide(one).verdict }).toEqual({
            one,
            verdict: naiveVerdict(rules, egress, OWN, one),
          });
      },
    ),
    { numRuns: 600 },
  );
});

test('each address in turn, with no rule at all', () => {
  const policy = policyOf([], 'allow');
  for (const address of ADDRESSES) {
    const one = { protocol: 'tcp' as const, address, port: 80, names: [] };
    expect({ address, verdict: policy.decide(one).verdict }).toEqual({
      address,
      verdict: naiveVerdict([], 'allow', OWN, one),
    });
  }
});

test('an explanation ends with the rule that decides, and says of each one before why it does not', () => {
  fc.assert(
    fc.property(fc.array(rule, { maxLength: 12 }), egress, flow, (rules, egress, one) => {
      const policy = policyOf(rules, egress);
      const { rules: looked, decision } = policy.explain(one);
      const decisive = looked.filter(({ passedOver }) => passedOver === undefined);
      expect(looked.some(({ passedOver }) => passedOver === 'decided already')).toBe(false);
      if (decisive.length === 0) expect(decision.rule).toMatch(/^(default|protected): /);
      else expect(decisive).toEqual([looked.at(-1)]);
      const { subject } = policy.judge(one);
      for (const [i, { passedOver }] of looked.entries())
        if (subject !== undefined && passedOver === undefined)
          expect(mismatch(policy.settings.rules[i], subject)).toBeUndefined();
    }),
    { numRuns: 300 },
  );
});

test('a range that is written is the range that is read', () => {
  fc.assert(
    fc.property(range, (text) => {
      const read = parseAddressRange(text);
      expect(typeof read === 'object' && 'words' in read).toBe(true);
    }),
  );
});
