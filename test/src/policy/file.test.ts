import { expect, test } from 'vitest';
import { parsePolicyFile } from '../../../src/policy/file.ts';
import { loadPolicyFile } from '../../../src/policy/load.ts';
import { Policy } from '../../../src/policy/policy.ts';

const WHOLE = `# what CI may reach
egress: deny
via: office
proxies:
  office: socks5://me:secret@proxy.example:1080
  web: http://proxy.example:3128
rules:
  - allow: "*.example.com:443"
  - deny: [10.0.0.0/8, 2001:db8::/32]
    comment: the old data centre
  - allow: db.example
    protocol: tcp
    ports: [5432, 6000-6010]
    via: direct
  - allow: 2001:db8::5
    ports: 443
  - allow: udp:*:53@web
`;

test('a whole file, in its order, with the place of each rule', () => {
  const { egress, via, proxies, rules } = parsePolicyFile(WHOLE, 'ci.yaml');
  expect({ egress, via }).toEqual({ egress: 'deny', via: 'office' });
  expect([...proxies].map(([name, { label }]) => `${name} ${label}`)).toEqual([
    'office socks5://proxy.example:1080',
    'web http://proxy.example:3128',
  ]);
  expect(rules.map(({ action, text, origin }) => `${action} ${text} ${origin}`)).toEqual([
    'allow *.example.com:443 ci.yaml:8:12',
    'deny 10.0.0.0/8 ci.yaml:9:12',
    'deny 2001:db8::/32 ci.yaml:9:24',
    'allow tcp:db.example:5432,6000-6010@direct ci.yaml:11:12',
    'allow [2001:db8::5]:443 ci.yaml:15:12',
    'allow udp:*:53@web ci.yaml:17:12',
  ]);
  const policy = new Policy({ egress: egress ?? 'allow', rules }, () => []);
  const decide = (port: number) =>
    policy.decide({ protocol: 'tcp', address: '192.0.2.1', port, names: ['db.example'] }).verdict;
  expect([decide(5432), decide(6005), decide(22)]).toEqual(['allow', 'allow', 'deny']);
});

test('a context may have colons in its name', () => {
  const { rules } = parsePolicyFile(
    'rules:\n  - deny: "arn:aws:eks:eu:1:cluster/c/shop/svc/db"\n    ports: 5432\n',
    'x',
  );
  expect(rules).toMatchObject([
    {
      text: 'arn:aws:eks:eu:1:cluster/c/shop/svc/db:5432',
      target: { context: 'arn:aws:eks:eu:1:cluster/c' },
    },
  ]);
});

test.each(['', '# nothing yet\n', '---\n'])('an empty file has no rules: %j', (text) => {
  expect(parsePolicyFile(text, 'x').rules).toEqual([]);
});

test.each([
  ['egress: maybe', '1:9: egress: "maybe" is neither allow nor deny'],
  ['egres: allow', '1:1: "egres" is none of egress, via, proxies, rules'],
  ['- allow: x', '1:1: must be a map'],
  ['rules: x', '1:8: rules: must be a list'],
  ['rules:\n  - x', '2:5: rules[0]: must be a map'],
  ['rules:\n  - via: direct', '2:5: rules[0]: must have one of allow and deny'],
  ['rules:\n  - allow: a.example\n    deny: b.example', '2:5: rules[0]: must have one of'],
  ['rules:\n  - allow: a.example\n    port: 80', '3:5: rules[0]: "port" is none of allow, deny,'],
  ['rules:\n  - allow: 10.0.0.1/8', '2:12: rules[0].allow: the range is 10.0.0.0/8'],
  ['rules:\n  - allow: []', '2:12: rules[0].allow: the list is empty'],
  ['rules:\n  - allow:', '2:5: allow: has no value'],
  ['rules:\n  - allow: [a.example, {}]', '2:24: rules[0].allow[1]: must be a text'],
  ['rules:\n  - allow: a.example:80\n    ports: 81', '2:12: rules[0].allow: the ports are given twice'],
  ['rules:\n  - allow: tcp:a.example\n    protocol: udp', 'the protocol is given twice'],
  ['rules:\n  - allow: a.example\n    protocol: sctp', '3:15: rules[0].protocol: "sctp" is none of'],
  ['rules:\n  - allow: a.example\n    ports: 0x50', '3:12: rules[0].ports: "0x50" is no port'],
  ['rules:\n  - allow: a.example\n    ports: [80, 1e3]', '3:17: rules[0].ports: "1e3" is no port'],
  ['rules:\n  - allow: "*"\n    protocol: icmp\n    ports: 1', 'a ping has no port'],
  ['rules:\n  - allow: a.example@nowhere', '2:12: rules[0].allow: there is no proxy "nowhere"'],
  ['via: nowhere', '1:6: via: there is no proxy "nowhere"'],
  ['proxies:\n  a: ftp://x', '2:6: proxies.a: no proxy can be reached by ftp://'],
  ['proxies:\n  A_b: http://x', `2:3: proxies.A_b: "A_b" can't be the name of a dialer`],
  ['proxies:\n  direct: http://x', '2:3: proxies.direct: this name is taken'],
  ['rules:\n  - allow: *a', '2:12: '],
  ['egress: allow\negress: deny', '2:1: '],
  ['a: [', '1:5: '],
  ['egress: !!js/function x', '1:9: '],
])('%j is wrong at its place', (text, message) => {
  expect(() => parsePolicyFile(text, 'ci.yaml')).toThrow(
    expect.objectContaining({ code: 'POLICY_INVALID', message: expect.stringContaining(message) }),
  );
  expect(() => parsePolicyFile(text, 'ci.yaml')).toThrow(/^ci\.yaml:\d+:\d+: /);
});

test('a file that is not there is told as one', async () => {
  await expect(loadPolicyFile('/nonexistent/policy.yaml', [])).rejects.toMatchObject({
    code: 'POLICY_INVALID',
    message: expect.stringContaining('ENOENT'),
  });
});

test('a password never shows', () => {
  expect(() => parsePolicyFile('proxies:\n  a: http://me:secret@x/path', 'ci.yaml')).toThrow(
    expect.objectContaining({ message: expect.not.stringContaining('secret') }),
  );
});

test('a rule may name what was given elsewhere', () => {
  const text = 'via: office\nrules:\n  - allow: x.example@lab\n';
  expect(parsePolicyFile(text, 'x', ['office', 'lab'])).toMatchObject({
    via: 'office',
    rules: [{ via: 'lab' }],
  });
});
