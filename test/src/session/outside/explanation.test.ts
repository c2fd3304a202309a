/** What `policy explain` says of destinations that need no look-up; those that do are met with real resolvers. */

import { expect, test } from 'vitest';
import { parseDestination } from '../../../../src/policy/index.ts';
import { parseRuleOption } from '../../../../src/policy/rule.ts';
import { DEFAULT_SETTINGS } from '../../../../src/policy/policy.ts';
import { explainDestination, reportText } from '../../../../src/session/outside/explanation.ts';
import { LogLines } from '../../cluster/probe.ts';

const RULES = [
  parseRuleOption('deny', 'prod/shop/svc/web', '--deny'),
  parseRuleOption('deny', '*.example', '--deny'),
  parseRuleOption('allow', '192.0.2.0/24:443', '--allow'),
];

let placesAsked = 0;
async function explain(destination: string): Promise<string> {
  const report = await explainDestination(parseDestination(destination), {
    policy: { ...DEFAULT_SETTINGS, egress: 'deny', rules: RULES },
    namings: [
      { context: undefined, domain: 'cluster.local' },
      { context: 'admin@test', domain: 'cluster.local', contextLabel: 'admin-test' },
    ],
    servicePlace: () => {
      placesAsked += 1;
      return Promise.resolve({ context: 'prod', namespace: 'shop' });
    },
    log: new LogLines(),
  });
  return reportText(report);
}

test('an address', async () => {
  expect(await explain('192.0.2.1')).toBe(
    `tcp 192.0.2.1:443
  - deny prod/shop/svc/web (--deny): not a Service
  - deny *.example (--deny): no name is known for the address
  * allow 192.0.2.0/24:443 (--allow): decides
allow, by 192.0.2.0/24:443, via direct
`,
  );
});

test('a Service has the context and the namespace that are current, where it names none', async () => {
  placesAsked = 0;
  expect(await explain('svc/web:80')).toMatch(/^tcp prod\/shop\/svc\/web:80\n.*decides\ndeny/);
  expect(await explain('billing/svc/web:80')).toMatch(/^tcp prod\/billing\/svc\/web:80\n[^]*\nallow/);
  expect(placesAsked).toBe(2);
  expect(await explain('test/shop/svc/web:80')).toMatch(/^tcp test\/shop\/svc\/web:80\n[^]*\nallow/);
  expect(placesAsked).toBe(2);
});

test('a name that is denied is not looked up', async () => {
  expect(await explain('secret.example:443')).toBe('look-up of secret.example: denied, by *.example\n');
});

test.each(['web.shop.svc.cluster.local', 'web.shop.svc', 'db-0.web.shop.svc'])(
  '%s is a Service, which only rules about Services decide',
  async (name) => {
    expect(await explain(`${name}:80`)).toBe(
      `${name} is the name of a Service
tcp prod/shop/svc/web:80
  * deny prod/shop/svc/web (--deny): decides
deny, by prod/shop/svc/web
  whether there is such a Service is not looked up
`,
    );
  },
);

test('a name that ends with a context is a Service of that', async () => {
  expect(await explain('web.shop.svc.admin-test')).toContain('tcp admin@test/shop/svc/web:443\n');
});
