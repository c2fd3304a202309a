import { describe, expect, test } from 'vitest';
import { parseAlias, parseNamespace, parseTarget, parseWait } from '../../../../src/cli/values/target.ts';

const ARN = 'arn:aws:eks:eu-west-1:1234:cluster/shop';

describe('a namespace', () => {
  test.each([
    ['shop', { namespace: 'shop' }],
    ['prod/shop', { context: 'prod', namespace: 'shop' }],
    [`${ARN}/billing`, { context: ARN, namespace: 'billing' }],
  ])('%s', (text, choice) => {
    expect(parseNamespace(text)).toEqual(choice);
  });
});

describe('a target', () => {
  test.each([
    ['svc/web', { kind: 'Service', name: 'web' }],
    ['services/web', { kind: 'Service', name: 'web' }],
    ['shop/svc/web', { namespace: 'shop', kind: 'Service', name: 'web' }],
    ['pod/web.0-x', { kind: 'Pod', name: 'web.0-x' }],
    ['prod/shop/deploy/web', { context: 'prod', namespace: 'shop', kind: 'Deployment', name: 'web' }],
    ['sts/db', { kind: 'StatefulSet', name: 'db' }],
    [`${ARN}/shop/po/db-0`, { context: ARN, namespace: 'shop', kind: 'Pod', name: 'db-0' }],
  ])('%s', (text, target) => {
    expect(parseTarget(text, '--pick')).toEqual(target);
  });

  test.each([
    '',
    'web',
    'svc/',
    '/svc/web',
    'svc/Web',
    'svc/a.b',
    'node/web',
    'Shop/svc/web',
    '/shop/svc/web',
    'svc/web/',
  ])('%j is none', (text) => {
    expect(() => parseTarget(text, '--pick')).toThrowError(
      expect.objectContaining({ code: 'TARGET_INVALID', message: expect.stringContaining('--pick') }),
    );
  });
});

describe('a wait', () => {
  test('lasts a minute, or what it says', () => {
    const target = { namespace: 'shop', kind: 'Service', name: 'web' };
    expect(parseWait('shop/svc/web')).toEqual({ target, timeoutMs: 60_000 });
    expect(parseWait('shop/svc/web=5s')).toEqual({ target, timeoutMs: 5000 });
  });

  test.each([
    ['svc/web=', 'DURATION_INVALID'],
    ['svc/web=soon', 'DURATION_INVALID'],
    ['svc/web=1s=2s', 'TARGET_INVALID'],
    ['=1s', 'TARGET_INVALID'],
  ])('%s: %s', (text, code) => {
    expect(() => parseWait(text)).toThrowError(expect.objectContaining({ code }));
  });
});

describe('an alias', () => {
  test('is kept as DNS compares it: in lower case, without a final dot', () => {
    expect(parseAlias('API.Example.com.=svc/web')).toEqual({
      name: 'api.example.com',
      target: { kind: 'Service', name: 'web' },
    });
  });

  test.each([
    ['svc/web', 'ALIAS_INVALID'],
    ['=svc/web', 'ALIAS_INVALID'],
    ['a b=svc/web', 'ALIAS_INVALID'],
    ['*.example.com=svc/web', 'ALIAS_INVALID'],
    ['192.0.2.1=svc/web', 'ALIAS_INVALID'],
    [`${'x'.repeat(64)}.example.com=svc/web`, 'ALIAS_INVALID'],
    ['api.example.com=web', 'TARGET_INVALID'],
  ])('%s: %s', (text, code) => {
    expect(() => parseAlias(text)).toThrowError(expect.objectContaining({ code }));
  });
});
