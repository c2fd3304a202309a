import { describe, expect, test } from 'vitest';
import { parseDestination } from '../../../src/policy/destination.ts';
import { parseRuleOption, parseRuleText, RuleSyntaxError } from '../../../src/policy/rule.ts';

const range = (version: 4 | 6, words: number[], prefixLength: number) => ({
  kind: 'range',
  range: { version, words: words.map((word) => word | 0), prefixLength },
});
const service = (context?: string, namespace?: string, name?: string) => ({
  kind: 'service',
  context,
  namespace,
  name,
});

test.each([
  ['10.0.0.0/8', { target: range(4, [0x0a000000], 8) }],
  ['10.1.2.3', { target: range(4, [0x0a010203], 32) }],
  ['10.1.2.3:443', { target: range(4, [0x0a010203], 32), ports: [{ first: 443, last: 443 }] }],
  [
    'udp:10.0.0.0/8:53',
    { protocol: 'udp', target: range(4, [0x0a000000], 8), ports: [{ first: 53, last: 53 }] },
  ],
  ['2001:db8::/32', { target: range(6, [0x20010db8, 0, 0, 0], 32), ports: [] }],
  [
    '[2001:db8::]/32:80-90',
    { target: range(6, [0x20010db8, 0, 0, 0], 32), ports: [{ first: 80, last: 90 }] },
  ],
  ['tcp:[::1]', { protocol: 'tcp', target: range(6, [0, 0, 0, 1], 128) }],
  ['::ffff:10.0.0.0/104', { target: range(4, [0x0a000000], 8) }],
  ['::/0', { target: range(6, [0, 0, 0, 0], 0) }],
  ['example.com', { target: { kind: 'name', name: 'example.com' } }],
  [
    'EXAMPLE.com.:443,8000-8100',
    {
      target: { kind: 'name', name: 'example.com' },
      ports: [
        { first: 443, last: 443 },
        { first: 8000, last: 8100 },
      ],
    },
  ],
  ['*.Example.com', { target: { kind: 'below', name: 'example.com' } }],
  ['bücher.example', { target: { kind: 'name', name: 'xn--bcher-kva.example' } }],
  ['*', { target: { kind: 'any' }, ports: [] }],
  ['udp:*:*', { protocol: 'udp', target: { kind: 'any' }, ports: [] }],
  ['icmp:*', { protocol: 'icmp', target: { kind: 'any' } }],
  ['*.corp.example:443@office', { via: 'office', target: { kind: 'below', name: 'corp.example' } }],
  ['svc/web:80', { target: service(undefined, undefined, 'web'), ports: [{ first: 80, last: 80 }] }],
  ['shop/svc/web', { target: service(undefined, 'shop', 'web') }],
  ['prod/eks/shop/svc/web', { target: service('prod/eks', 'shop', 'web') }],
  [
    'tcp:arn:aws:eks:eu-west-1:123:cluster/prod/shop/svc/web:80',
    {
      protocol: 'tcp',
      target: service('arn:aws:eks:eu-west-1:123:cluster/prod', 'shop', 'web'),
      ports: [{ first: 80, last: 80 }],
    },
  ],
  [
    'arn:aws:eks:eu-west-1:123:cluster/prod/ns/*',
    { target: service('arn:aws:eks:eu-west-1:123:cluster/prod') },
  ],
  [
    'kubernetes-admin@kubernetes/shop/svc/web',
    { via: undefined, target: service('kubernetes-admin@kubernetes', 'shop', 'web') },
  ],
  ['kubernetes-admin@kubernetes/shop/SVC/web@office', { via: 'office' }],
  ['svc/web-0.left', { target: service(undefined, undefined, 'web-0.left') }],
  ['ns/shop', { target: service(undefined, 'shop', undefined) }],
  ['prod/ns/shop', { target: service('prod', 'shop', undefined) }],
  ['ns/*', { target: service(undefined, undefined, undefined) }],
])('%s', (text, expected) => {
  expect(parseRuleText(text)).toMatchObject(expected);
});

describe('is no rule:', () => {
  test.each([
    ['', 'no host name'],
    ['10.0.0.1/8', 'the range is 10.0.0.0/8'],
    ['2001:db8::1/32', 'the range is 2001:db8::/32'],
    ['10.0.0.0/33', 'prefix length'],
    ['10.0.0.0/x', 'prefix length'],
    ['10.0.0', 'no host name'],
    ['2130706433', 'no host name'],
    ['0x7f.0.0.1', 'no host name'],
    ['127.1', 'no host name'],
    ['0177.0.0.1', 'no host name'],
    ['10.0.0.256', 'no host name'],
    ['fe80::1%eth0', 'no host name'],
    ['[10.0.0.1]:80', 'no IPv6 address'],
    ['example.com:0', 'no port'],
    ['example.com:65536', 'no port'],
    ['example.com:90-80', 'no port'],
    ['example.com:http', 'no port'],
    ['example.com:', 'no port'],
    ['a.*.com', 'no host name'],
    ['*example.com', 'no host name'],
    ['exa mple.com', 'no host name'],
    ['-a.example', 'no host name'],
    ['icmp:example.com:80', 'a ping has no port'],
    ['example.com@', 'name of a dialer'],
    ['svc/', 'a name is missing'],
    ['/svc/web', 'a name is missing'],
    ['svc/we*', 'name of a Service'],
    ['svc/web:80:90', 'name of a Service'],
    ['*/svc/web', 'name of a namespace'],
    ['ns/sh.op', 'name of a namespace'],
    // What is meant is mostly a Service, and never all that has the name in front.
    ['shop/web', 'no host name'],
    ['pod/db-0', 'no host name'],
    ['svc/web/', 'no host name'],
    ['example.com/24', 'no host name'],
    ['example.com?', 'no host name'],
    ['example.com#', 'no host name'],
    ['example.com\\', 'no host name'],
    ['exam%70le.com', 'no host name'],
    ['exam\tple.com', 'no host name'],
    [`${'a'.repeat(64)}.example`, 'no host name'],
  ])('%j', (text, why) => {
    expect(() => parseRuleText(text)).toThrow(RuleSyntaxError);
    expect(() => parseRuleText(text)).toThrow(why);
  });
});

test.each([
  ['example.com', { protocol: 'tcp', port: 443, host: { kind: 'name', name: 'example.com' } }],
  ['udp:192.0.2.1:53', { protocol: 'udp', port: 53, host: { kind: 'address', address: '192.0.2.1' } }],
  ['[2001:DB8:0::1]:80', { protocol: 'tcp', port: 80, host: { kind: 'address', address: '2001:db8::1' } }],
  ['icmp:::ffff:192.0.2.1', { protocol: 'icmp', port: 0, host: { kind: 'address', address: '192.0.2.1' } }],
  [
    'shop/svc/web:8080',
    { protocol: 'tcp', port: 8080, host: { kind: 'service', namespace: 'shop', name: 'web' } },
  ],
])('the destination %s', (text, expected) => {
  expect(parseDestination(text)).toMatchObject(expected);
});

test.each([
  '*',
  '*.example.com',
  '10.0.0.0/8',
  'ns/shop',
  'svc/*',
  'a.example:80-90',
  'a.example:80,81',
  'a.example@x',
  '',
])('no single destination: %j', (text) => {
  expect(() => parseDestination(text)).toThrow(expect.objectContaining({ code: 'DESTINATION_INVALID' }));
});

test('an option that is no rule is an error with a remedy', () => {
  expect(() => parseRuleOption('allow', '10.0.0.1/8', '--allow')).toThrow(
    expect.objectContaining({
      code: 'RULE_INVALID',
      message: '--allow 10.0.0.1/8: the range is 10.0.0.0/8',
      remedy: expect.stringContaining('example.com'),
    }),
  );
});
