/** Each flow is decided once, told of once, and written down; names are those that DNS gave. */

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type AuditLog, Denials, NamedAddresses, openAudit, Policy } from '../../../../src/policy/index.ts';
import { parseRuleOption } from '../../../../src/policy/rule.ts';
import { Gate } from '../../../../src/session/outside/gate.ts';
import { LogLines } from '../../cluster/probe.ts';

let folder: string;
let audit: AuditLog;
let log: LogLines;
let denials: Denials;
let names: NamedAddresses;
let gate: Gate;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'kns-gate-'));
  log = new LogLines();
  audit = await openAudit(join(folder, 'audit'), log);
  denials = new Denials(log);
  names = new NamedAddresses();
  const rules = [
    parseRuleOption('deny', 'bank.example', '--deny'),
    parseRuleOption('allow', '*.example@office', '--allow'),
    parseRuleOption('deny', 'shop/svc/web', '--deny'),
  ];
  gate = new Gate({ policy: new Policy({ rules }, () => []), names, denials, audit });
});
afterEach(() => rmSync(folder, { recursive: true }));

async function written(): Promise<unknown[]> {
  await audit.close();
  const lines = readFileSync(join(folder, 'audit'), 'utf8').trimEnd().split('\n');
  return lines.map((line): unknown => JSON.parse(line));
}

test('a flow goes by the dialer, the address and the name that policy says', async () => {
  names.learn('www.example', '2001:db8::1', 60);
  const passage = gate.admit('tcp', '2001:DB8:0::1', 443);
  expect(passage).toMatchObject({ via: 'office', address: '2001:db8::1', name: 'www.example' });
  expect(gate.admit('udp', '192.0.2.1', 53)).toMatchObject({ via: 'direct', address: '192.0.2.1' });
  passage?.meter?.sent(5);
  passage?.meter?.received(7);
  passage?.meter?.ended();
  expect(await written()).toMatchObject([
    {
      event: 'start',
      id: 1,
      address: '2001:db8::1',
      names: ['www.example'],
      verdict: 'allow',
      via: 'office',
    },
    { event: 'start', id: 2, protocol: 'udp', rule: 'default: allow' },
    { event: 'end', id: 1, sent: 5, received: 7 },
  ]);
});

test.each(['a HTTP/1.1\r\nx: y.example', '10.0.0.1', '0x7f.1', 'a..example', `${'a.'.repeat(130)}example`])(
  'a proxy is not asked for %j, which is no host name',
  (name) => {
    names.learn('www.example', '192.0.2.1', 60);
    names.learn(name, '192.0.2.1', 60);
    expect(gate.admit('tcp', '192.0.2.1', 443)).toMatchObject({ via: 'office', name: 'www.example' });
  },
);

test('what is denied is counted, told of once, and has no passage', async () => {
  names.learn('bank.example', '192.0.2.9', 60);
  for (let i = 0; i < 3; i++) expect(gate.admit('tcp', '192.0.2.9', 443)).toBeUndefined();
  expect(gate.admit('icmp', '127.0.0.1', 0)).toBeUndefined();
  expect(denials.count).toBe(4);
  expect(log.lines).toEqual([
    expect.stringContaining('tcp 192.0.2.9:443 (bank.example): denied by bank.example'),
    expect.stringContaining('icmp 127.0.0.1: denied by protected: the loopback'),
  ]);
  expect(await written()).toHaveLength(4);
});

function admitWeb(namespace: string) {
  return gate.admit('tcp', '10.0.1.9', 80, { context: 'prod', namespace, name: 'web' });
}

test('a Service is decided by its name alone, whatever its address is called', async () => {
  names.learn('bank.example', '10.0.1.9', 60);
  expect(admitWeb('shop')).toBeUndefined();
  expect(admitWeb('billing')).toMatchObject({ via: 'cluster' });
  expect(await written()).toMatchObject([
    { verdict: 'deny', rule: 'shop/svc/web', service: { namespace: 'shop', name: 'web' } },
    { verdict: 'allow', rule: 'default: allow', via: 'cluster' },
  ]);
});

test('names are asked for or not, and only what is not is written down', async () => {
  expect([gate.admitName('www.example'), gate.admitName('bank.example.'), gate.admitName('x.test')]).toEqual([
    true,
    false,
    true,
  ]);
  expect(await written()).toMatchObject([{ event: 'name', name: 'bank.example.', verdict: 'deny' }]);
});
