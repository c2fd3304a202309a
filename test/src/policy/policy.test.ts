/** What holds beside the matrix of policy.property.test.ts: defaults, names, Services, dialers, dry runs, explanations. */

import { describe, expect, test } from 'vitest';
import type { Flow } from '../../../src/policy/decision.ts';
import { explanationText } from '../../../src/policy/explain.ts';
import { Policy, type PolicySettings } from '../../../src/policy/policy.ts';
import { parseRuleOption } from '../../../src/policy/rule.ts';

/** `+` allows, `-` denies. */
function policy(rules: readonly string[], settings: Partial<PolicySettings> = {}): Policy {
  const parsed = rules.map((text) => {
    const action = text.startsWith('+') ? 'allow' : 'deny';
    return parseRuleOption(action, text.slice(1), `--${action}`);
  });
  return new Policy({ ...settings, rules: parsed }, () => []);
}

function flow(address: string, more: Partial<Flow> = {}): Flow {
  return { protocol: 'tcp', address, port: 443, names: [], ...more };
}

const web = { context: 'prod', namespace: 'shop', name: 'web' };

describe('by default', () => {
  test.each(['8.8.8.8', '10.0.0.1', '192.168.1.1', '100.64.0.1', '2606:4700::1', 'fd00::1'])(
    '%s is open',
    (address) => {
      expect(policy([]).decide(flow(address))).toMatchObject({
        verdict: 'allow',
        rule: 'default: allow',
        via: 'direct',
      });
    },
  );

  test.each([
    '127.0.0.1',
    '169.254.169.254',
    '::ffff:169.254.169.254',
    '64:ff9b::169.254.169.254',
    '::ffff:0:169.254.169.254',
    '2002:a9fe:a9fe::1',
    'fe80::1',
    '0.0.0.0',
    '0.1.2.3',
    '239.255.255.250',
    'ff02::fb',
  ])('%s is closed', (address) => {
    expect(policy([]).decide(flow(address)).verdict).toBe('deny');
  });

  test.each(['', 'example.com', '1', '2130706433', '0x7f000001', '127.1', 'fe80::1%eth0', '[::1]'])(
    'what is no address is denied: %j',
    (address) => {
      expect(policy(['+*']).decide(flow(address))).toMatchObject({
        verdict: 'deny',
        rule: 'protected: no address',
      });
    },
  );

  test('a mapped address is dialled as the IPv4 address that it is', () => {
    expect(policy([]).decide(flow('::ffff:8.8.8.8')).address).toBe('8.8.8.8');
  });
});

test('the first rule counts, be it the wider or the narrower one', () => {
  expect(policy(['+10.1.2.3', '-10.0.0.0/8']).decide(flow('10.1.2.3')).verdict).toBe('allow');
  expect(policy(['-10.0.0.0/8', '+10.1.2.3']).decide(flow('10.1.2.3')).verdict).toBe('deny');
});

describe('what is protected', () => {
  test('is opened by a rule about just that, and by no wider one, no name and no star', () => {
    const metadata = flow('169.254.169.254', { names: ['rebound.example'] });
    for (const rule of ['+*', '+0.0.0.0/0', '+169.254.0.0/15', '+rebound.example', '+*.example'])
      expect(policy([rule]).decide(metadata)).toMatchObject({
        verdict: 'deny',
        rule: 'protected: link-local, where metadata services are',
      });
    expect(policy(['+169.254.169.254']).decide(metadata).verdict).toBe('allow');
    expect(policy(['-169.254.169.254', '+169.254.0.0/16']).decide(metadata).verdict).toBe('deny');
    expect(policy(['+169.254.169.254:80']).decide(metadata).verdict).toBe('deny');
  });

  test.each(['127.0.0.1', '::1', '224.0.0.1', '255.255.255.255', '::ffff:127.0.0.1', '::'])(
    '%s is no rule to open',
    (address) => {
      expect(policy([`+${address}`]).decide(flow(address)).verdict).toBe('deny');
    },
  );

  test('stays closed in a dry run', () => {
    expect(policy([], { dryRun: true }).decide(flow('127.0.0.1')).verdict).toBe('deny');
  });
});

test('a dry run lets pass what would be denied, and says so', () => {
  const dry = policy(['-10.0.0.0/8'], { egress: 'deny', dryRun: true });
  expect(dry.decide(flow('10.0.0.1'))).toMatchObject({ verdict: 'audit-would-deny', rule: '10.0.0.0/8' });
  expect(dry.decide(flow('8.8.8.8'))).toMatchObject({ verdict: 'audit-would-deny', rule: 'default: deny' });
});

describe('Services', () => {
  test('are open whatever the default is, and rules about the outside are not about them', () => {
    for (const rules of [[], ['-*'], ['-10.0.0.0/8']])
      expect(policy(rules, { egress: 'deny' }).decide(flow('10.0.1.7', { service: web })).verdict).toBe(
        'allow',
      );
  });

  test.each([
    ['-svc/web', 'deny'],
    ['-svc/web:80', 'allow'],
    ['-shop/svc/web', 'deny'],
    ['-other/svc/web', 'allow'],
    ['-prod/shop/svc/web', 'deny'],
    ['-test/shop/svc/web', 'allow'],
    ['-ns/shop', 'deny'],
    ['-ns/*', 'deny'],
    ['-udp:ns/*', 'allow'],
  ])('%s: %s', (rule, verdict) => {
    expect(policy([rule]).decide(flow('10.0.1.7', { service: web })).verdict).toBe(verdict);
  });

  test('rules about them are not about the outside', () => {
    expect(policy(['-ns/*', '-svc/*']).decide(flow('8.8.8.8')).verdict).toBe('allow');
  });
});

describe('names', () => {
  const www = flow('192.0.2.1', { names: ['WWW.example.com.', 'cdn.example.net'] });

  test.each([
    ['+www.example.com', 'allow'],
    ['+*.example.com', 'allow'],
    ['+*.com', 'allow'],
    ['+cdn.example.net', 'allow'],
    ['+example.com', 'deny'],
    ['+*.www.example.com', 'deny'],
    ['+*.xample.com', 'deny'],
  ])('%s: %s', (rule, verdict) => {
    expect(policy([rule], { egress: 'deny' }).decide(www).verdict).toBe(verdict);
  });

  test('a proxy gets the name that has decided', () => {
    expect(policy(['+*.example.net@office']).decide(www)).toMatchObject({
      via: 'office',
      name: 'cdn.example.net',
    });
    expect(policy([], { via: 'office' }).decide(www)).toMatchObject({
      via: 'office',
      name: 'www.example.com',
    });
  });

  test('but none where an address has decided, or addresses are denied: it might lead elsewhere', () => {
    expect(policy(['+192.0.2.0/24']).decide(www)).not.toHaveProperty('name');
    expect(policy(['-198.51.100.0/24']).decide(www)).not.toHaveProperty('name');
  });
});

test('an explanation says what was looked at, and why it does not count', () => {
  const explained = policy(
    ['-udp:*', '-*:80', '+10.0.0.0/8', '+example.org', '-ns/shop', '+*.example.com@office', '-*'],
    { via: 'direct' },
  ).explain(flow('192.0.2.1', { names: ['www.example.com'] }));
  expect(explanationText(explained)).toBe(`tcp 192.0.2.1:443 (www.example.com)
  - deny udp:* (--deny): another protocol
  - deny *:80 (--deny): another port
  - allow 10.0.0.0/8 (--allow): another address
  - allow example.org (--allow): another name
  - deny ns/shop (--deny): not a Service
  * allow *.example.com@office (--allow): decides
allow, by *.example.com@office, via office
`);
  expect(JSON.parse(JSON.stringify(explained))).toMatchObject({
    decision: { verdict: 'allow', via: 'office' },
  });
});

test('an explanation of what is protected says what it is, and what opens it', () => {
  const explained = policy(['+*']).explain(flow('::ffff:127.0.0.1'));
  expect(explanationText(explained)).toBe(`tcp 127.0.0.1:443
  protected: the loopback
  - allow * (--allow): does not open what is protected: the loopback
deny, by protected: the loopback
  --host-port 443 has that port of the host in the sandbox
`);
  const remedies = [
    flow('127.0.0.1', { protocol: 'udp', port: 53 }),
    flow('127.0.0.1', { protocol: 'icmp', port: 0 }),
    flow('169.254.169.254'),
    flow('224.0.0.1'),
    flow('192.0.2.1'),
  ].map((one) => policy(['+*']).explain(one).remedy);
  expect(remedies).toEqual([
    '--host-port 53/udp has that port of the host in the sandbox',
    undefined,
    '--allow 169.254.169.254 opens it',
    undefined,
    undefined,
  ]);
  for (const rule of ['+169.254.169.254', '-169.254.169.254'])
    expect(policy([rule]).explain(flow('169.254.169.254')).remedy).toBeUndefined();
});

test('a thousand rules cost a flow no more than a few look-ups', () => {
  const rules = Array.from({ length: 1000 }, (_, i) =>
    i % 2 === 0 ? `-10.${i >> 8}.${i & 255}.0/24` : `-host${i}.example.com`,
  );
  const [few, many] = [policy(rules.slice(0, 10)), policy(rules)];
  const one = flow('203.0.113.5', { names: ['www.example.net'] });
  const cost = (of: Policy): number => {
    let least = Number.POSITIVE_INFINITY;
    for (let round = 0; round < 20; round++) {
      const start = performance.now();
      for (let i = 0; i < 500; i++) of.decide(one);
      least = Math.min(least, performance.now() - start);
    }
    return least;
  };
  cost(few);
  // A scan would cost a hundred times as much.
  expect(cost(many) / cost(few)).toBeLessThan(10);
});
