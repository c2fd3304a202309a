/** Which names the host's resolvers are asked for: those that stand for a flow which could be allowed. */

import { expect, test } from 'vitest';
import { Policy } from '../../../src/policy/policy.ts';
import { type Action, parseRuleOption } from '../../../src/policy/rule.ts';

function policyOf(egress: Action, rules: readonly string[], dryRun = false): Policy {
  const parsed = rules.map((rule) => {
    const [action = '', text = ''] = rule.split(' ');
    return parseRuleOption(action === 'allow' ? 'allow' : 'deny', text, `--${action}`);
  });
  return new Policy({ egress, rules: parsed, dryRun });
}

test.each<[Action, string[], string, string]>([
  ['allow', [], 'a.example', 'allow by default: allow'],
  ['deny', [], 'a.example', 'deny by default: deny'],
  // Its own name, in any spelling; another one's, above and below.
  ['deny', ['allow a.example'], 'A.Example.', 'allow by a.example'],
  ['deny', ['allow a.example'], 'b.a.example', 'deny by default: deny'],
  ['deny', ['allow *.example'], 'b.a.example', 'allow by *.example'],
  ['deny', ['allow *.example'], 'example', 'deny by default: deny'],
  ['deny', ['allow *:443'], 'a.example', 'allow by *:443'],
  // A name may turn out to be at an address that is allowed.
  ['deny', ['allow 10.0.0.0/8'], 'a.example', 'allow by 10.0.0.0/8'],
  ['deny', ['deny a.example', 'allow 10.0.0.0/8'], 'a.example', 'deny by a.example'],
  ['deny', ['allow 10.0.0.0/8', 'deny a.example'], 'a.example', 'allow by 10.0.0.0/8'],
  // What denies some of the flows leaves the others.
  ['allow', ['deny a.example:80'], 'a.example', 'allow by default: allow'],
  ['allow', ['deny udp:a.example'], 'a.example', 'allow by default: allow'],
  ['deny', ['deny a.example:80', 'allow a.example'], 'a.example', 'allow by a.example'],
  ['allow', ['deny a.example'], 'a.example', 'deny by a.example'],
  ['allow', ['deny *', 'allow a.example'], 'a.example', 'deny by *'],
  // Rules about addresses deny addresses, and rules about Services nothing of outside.
  ['allow', ['deny 10.0.0.0/8'], 'a.example', 'allow by default: allow'],
  ['deny', ['allow svc/a', 'allow ns/*'], 'a.example', 'deny by default: deny'],
])('--egress %s, %j: %s', (egress, rules, name, expected) => {
  const { verdict, rule } = policyOf(egress, rules).decideName(name);
  expect(`${verdict} by ${rule}`).toBe(expected);
});

test('a dry run asks, and says that it would not', () => {
  expect(policyOf('deny', [], true).decideName('a.example')).toEqual({
    verdict: 'audit-would-deny',
    rule: 'default: deny',
  });
});
