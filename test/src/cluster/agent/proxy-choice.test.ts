/** Which requests go through a proxy, by the rules that Go programs have. */
import { describe, expect, test } from 'vitest';
import { proxyFromEnvironment, proxyFromUrl } from '../../../../src/cluster/agent/proxy-choice.ts';

const proxyFor = (server: string, env: NodeJS.ProcessEnv) => proxyFromEnvironment(new URL(server), env)?.href;

test.each<[string, string, NodeJS.ProcessEnv, string | undefined]>([
  ['by the scheme', 'https://a.test', { HTTPS_PROXY: 'http://p:1', HTTP_PROXY: 'http://q:2' }, 'http://p:1/'],
  [
    'by the other scheme',
    'http://a.test',
    { HTTPS_PROXY: 'http://p:1', HTTP_PROXY: 'http://q:2' },
    'http://q:2/',
  ],
  ['in lower case', 'https://a.test', { https_proxy: 'http://p:1' }, 'http://p:1/'],
  [
    'upper case first',
    'https://a.test',
    { HTTPS_PROXY: 'http://p:1', https_proxy: 'http://q:2' },
    'http://p:1/',
  ],
  ['an empty one is none', 'https://a.test', { HTTPS_PROXY: '', https_proxy: 'http://q:2' }, 'http://q:2/'],
  ['without a scheme', 'https://a.test', { HTTPS_PROXY: 'p.test:3128' }, 'http://p.test:3128/'],
  [
    'an address without a scheme',
    'https://a.test',
    { HTTPS_PROXY: '10.0.0.1:3128' },
    'http://10.0.0.1:3128/',
  ],
  ['SOCKS', 'https://a.test', { HTTPS_PROXY: 'socks5://p:1' }, 'socks5://p:1'],
  ['ALL_PROXY is not for Go', 'https://a.test', { ALL_PROXY: 'http://p:1' }, undefined],
  ['localhost', 'https://localhost:6443', { HTTPS_PROXY: 'http://p:1' }, undefined],
  ['loopback', 'https://127.8.9.1:6443', { HTTPS_PROXY: 'http://p:1' }, undefined],
  ['loopback of IPv6', 'https://[::1]:6443', { HTTPS_PROXY: 'http://p:1' }, undefined],
])('%s', (_name, server, env, expected) => {
  expect(proxyFor(server, env)).toBe(expected);
});

describe('NO_PROXY', () => {
  test.each<[rule: string, server: string, exempt: boolean]>([
    ['*', 'https://a.test', true],
    ['a.test', 'https://a.test', true],
    ['A.Test', 'https://a.test', true],
    ['a.test', 'https://x.a.test', true],
    ['a.test', 'https://xa.test', false],
    ['.a.test', 'https://x.a.test', true],
    ['.a.test', 'https://a.test', false],
    ['*.a.test', 'https://x.a.test', true],
    ['*.a.test', 'https://a.test', false],
    ['a.test.', 'https://a.test', false],
    ['a.test:6443', 'https://a.test:6443', true],
    ['a.test:6443', 'https://x.a.test:6443', true],
    ['a.test:6443', 'https://a.test', false],
    ['a.test:443', 'https://a.test', true],
    ['10.1.2.3', 'https://10.1.2.3:6443', true],
    ['10.1.2.3', 'https://10.1.2.4:6443', false],
    ['10.1.2.3:6443', 'https://10.1.2.3:6443', true],
    ['10.1.2.3:6443', 'https://10.1.2.3:443', false],
    ['10.0.0.0/8', 'https://10.200.0.1', true],
    ['10.0.0.0/8', 'https://11.0.0.1', false],
    ['10.0.0.0/33', 'https://10.0.0.1', false],
    ['10.0.0.0/8', 'https://a.test', false],
    ['fd00::/8', 'https://[fd00::1]:6443', true],
    ['fd00::1', 'https://[fd00::1]:6443', true],
    ['[fd00::1]', 'https://[fd00::1]:6443', true],
    ['[fd00::1]:6443', 'https://[fd00::1]:6443', true],
    ['[fd00::1]:443', 'https://[fd00::1]:6443', false],
    [' b.test , a.test ', 'https://a.test', true],
    [',,', 'https://a.test', false],
    ['', 'https://a.test', false],
  ])('%j and %s', (rule, server, exempt) => {
    const expected = exempt ? undefined : 'http://p:1/';
    expect(proxyFor(server, { HTTPS_PROXY: 'http://p:1', NO_PROXY: rule })).toBe(expected);
    expect(proxyFor(server, { HTTPS_PROXY: 'http://p:1', no_proxy: rule })).toBe(expected);
  });
});

test.each(['ftp://p:1', 'http://', '://', 'quic://p'])('%s is no proxy', (address) => {
  expect(() => proxyFor('https://a.test', { HTTPS_PROXY: address })).toThrow(/HTTPS_PROXY is no http/);
  expect(() => proxyFromUrl(address, 'c')).toThrow(/proxy-url of cluster "c"/);
});
