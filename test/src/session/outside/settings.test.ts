/** The command line and the policy file, as one. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseRuleOption } from '../../../../src/policy/rule.ts';
import {
  type EgressChoice,
  parseProxyChoice,
  readEgressSettings,
} from '../../../../src/session/outside/settings.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'kns-settings-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function read(choice: Partial<EgressChoice>, file?: string) {
  const policyFile = join(folder, 'policy.yaml');
  if (file !== undefined) writeFileSync(policyFile, file);
  const whole: EgressChoice = { rules: [], proxies: [], dryRun: false, ...choice };
  return readEgressSettings(file === undefined ? whole : { ...whole, policyFile });
}

const allow = (text: string) => parseRuleOption('allow', text, '--allow');

test('nothing is said: all may pass, directly', async () => {
  const { policy, proxies } = await read({});
  expect(policy).toEqual({ egress: 'allow', rules: [], via: 'direct', dryRun: false });
  expect(proxies.size).toBe(0);
});

test('the command line goes before the file', async () => {
  const { policy, proxies } = await read(
    {
      egress: 'allow',
      rules: [allow('a.example')],
      proxies: ['socks5://one', 'office=http://two'].map((text) => parseProxyChoice(text)),
      dryRun: true,
    },
    'egress: deny\nvia: office\nproxies:\n  office: http://three\n  lab: http://four\nrules:\n  - deny: "*"\n',
  );
  expect(policy).toMatchObject({ egress: 'allow', via: 'egress-proxy', dryRun: true });
  expect(policy.rules.map(({ text }) => text)).toEqual(['a.example', '*']);
  expect([...proxies].map(([name, { label }]) => `${name} ${label}`)).toEqual([
    'office http://two',
    'lab http://four',
    'egress-proxy socks5://one',
  ]);
});

test('where the command line says nothing the file counts', async () => {
  const { policy } = await read({}, 'egress: deny\nvia: lab\nproxies:\n  lab: http://x\n');
  expect(policy).toMatchObject({ egress: 'deny', via: 'lab' });
});

async function egressOf(...args: Parameters<typeof read>) {
  return (await read(...args)).policy.egress;
}

test('the environment has the last word: what is named on the command line goes before it', async () => {
  expect(await egressOf({ usualEgress: 'deny' })).toBe('deny');
  expect(await egressOf({ usualEgress: 'allow' }, 'egress: deny\n')).toBe('deny');
  expect(await egressOf({ usualEgress: 'deny' }, 'rules: []\n')).toBe('deny');
  expect(await egressOf({ usualEgress: 'deny', egress: 'allow' }, 'egress: deny\n')).toBe('allow');
});

test("a rule of the file may name a proxy of the command line's", async () => {
  const { policy } = await read(
    { proxies: [parseProxyChoice('office=https://me:secret@proxy.example')] },
    'rules:\n  - allow: a.example\n    via: office\n',
  );
  expect(policy.rules).toMatchObject([{ via: 'office' }]);
});

describe('what can not be', () => {
  test('a rule for a proxy that nobody has given', async () => {
    await expect(read({ rules: [allow('a.example@office')] })).rejects.toMatchObject({
      code: 'RULE_INVALID',
      remedy: expect.stringContaining('--egress-proxy office='),
    });
  });

  test('a Service by a proxy', async () => {
    await expect(
      read({ rules: [allow('svc/web@office')], proxies: [parseProxyChoice('office=http://x')] }),
    ).rejects.toMatchObject({ code: 'RULE_INVALID' });
  });

  test.each(['direct=http://x', 'Office=http://x', 'office=x', ''])('a proxy %j', (text) => {
    expect(() => parseProxyChoice(text)).toThrow(expect.objectContaining({ code: 'EGRESS_PROXY_INVALID' }));
  });
});
