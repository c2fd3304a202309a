/** Proxies on the host's loopback are told of, and others are not. */

import { expect, test } from 'vitest';
import { loopbackProxyNotes } from '../../../src/session/proxy-notes.ts';

const portsIn = (env: Record<string, string>, open: readonly number[] = []) =>
  loopbackProxyNotes(env, (port) => open.includes(port)).map((line) => [
    /^\$(\w+)/.exec(line)?.[1],
    Number(/--host-port (\d+)/.exec(line)?.[1]),
  ]);

test.each([
  ['http://127.0.0.1:3128', 3128],
  ['http://user:password@localhost:3128/', 3128],
  ['HTTP://LOCALHOST', 80],
  ['https://127.1.2.3', 443],
  ['socks5h://[::1]', 1080],
  ['localhost:8080', 8080],
  ['http://proxy.localhost:8080', 8080],
])('%s is one', (proxy, port) => {
  expect(portsIn({ https_proxy: proxy })).toEqual([['https_proxy', port]]);
});

test.each(['', 'http://proxy.example:3128', 'http://192.0.2.1', '[::2]:80', 'not a url', 'ftp://localhost'])(
  '%j is none, or none that has a port',
  (proxy) => {
    expect(loopbackProxyNotes({ http_proxy: proxy }, () => false).join('')).not.toMatch(/--host-port \d/);
  },
);

test('each variable is named, and what is opened is not', () => {
  const env = {
    http_proxy: 'http://127.0.0.1:1',
    HTTP_PROXY: 'http://127.0.0.1:2',
    ALL_PROXY: 'socks5://localhost:3',
  };
  expect(portsIn(env, [2])).toEqual([
    ['http_proxy', 1],
    ['ALL_PROXY', 3],
  ]);
});
