import { expect, test } from 'vitest';
import { loopbackAddresses } from '../../../../src/session/api-server/exceptions.ts';

test.each([
  ['127.0.0.1', ['127.0.0.1']],
  ['127.0.53.1', ['127.0.53.1']],
  ['::1', ['::1']],
  ['localhost', ['127.0.0.1', '::1']],
  ['0.0.0.0', ['127.0.0.1']],
  ['::', ['::1']],
  ['::ffff:127.0.0.1', ['127.0.0.1']],
  ['192.168.1.5', []],
  ['api.example.com', []],
  ['fd00::1', []],
])('%s is met at %j', (host, addresses) => {
  expect(loopbackAddresses(host)).toEqual(addresses);
});
