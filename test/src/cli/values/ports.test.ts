import { describe, expect, test } from 'vitest';
import { parseHostPort, parsePublish } from '../../../../src/cli/values/ports.ts';

const fixed = (hostPort: number, port: number, more: object = {}) => ({
  kind: 'fixed',
  protocol: 'tcp',
  hostPort,
  port,
  ...more,
});

describe('--publish', () => {
  test.each([
    ['8080:80', [fixed(8080, 80)]],
    ['80', [fixed(80, 80)]],
    ['0:80', [fixed(0, 80)]],
    ['8080:80/tcp', [fixed(8080, 80)]],
    ['5353:53/udp', [fixed(5353, 53, { protocol: 'udp' })]],
    ['0.0.0.0:8080:80', [fixed(8080, 80, { address: '0.0.0.0' })]],
    ['[::1]:8080:80', [fixed(8080, 80, { address: '::1' })]],
    ['8080:80,proxy=v2', [fixed(8080, 80, { proxyHeader: 'v2' })]],
    [
      '127.0.0.1:8000-8001:80-81,proxy=v1',
      [
        fixed(8000, 80, { address: '127.0.0.1', proxyHeader: 'v1' }),
        fixed(8001, 81, { address: '127.0.0.1', proxyHeader: 'v1' }),
      ],
    ],
    ['0:80-81', [fixed(0, 80), fixed(0, 81)]],
    ['65535:65535', [fixed(65_535, 65_535)]],
    ['auto', [{ kind: 'auto', protocol: 'tcp' }]],
    ['auto/udp', [{ kind: 'auto', protocol: 'udp' }]],
  ])('%s', (text, rules) => {
    expect(parsePublish(text)).toEqual(rules);
  });

  test.each([
    '',
    'x',
    '0',
    '8080:0',
    '8080:65536',
    '8080:80:',
    ':80',
    '127.0.0.1:80',
    'localhost:8080:80',
    '::1:8080:80',
    '[127.0.0.1]:8080:80',
    '8080:80/sctp',
    '8080:80,proxy=v3',
    '5353:53/udp,proxy=v2',
    '8000-8002:80-81',
    '0-1:80-81',
    '82-80:82-80',
    '8000-:80-',
    '1-2-3:1-2-3',
    '1-1025:1-1025',
    'auto,proxy=v1',
    '8080:80 ',
  ])('PUBLISH_INVALID: %j', (text) => {
    expect(() => parsePublish(text)).toThrow(expect.objectContaining({ code: 'PUBLISH_INVALID' }));
  });
});

describe('--host-port', () => {
  test.each([
    ['5432', { kind: 'ports', protocol: 'tcp', first: 5432, last: 5432 }],
    ['8000-8010', { kind: 'ports', protocol: 'tcp', first: 8000, last: 8010 }],
    ['53/udp', { kind: 'ports', protocol: 'udp', first: 53, last: 53 }],
    ['all', { kind: 'all' }],
  ])('%s', (text, rule) => {
    expect(parseHostPort(text)).toEqual(rule);
  });

  test.each(['', '0', '65536', 'http', '10-9', '1-1025', 'all/udp', '127.0.0.1:80'])(
    'HOST_PORT_INVALID: %j',
    (text) => {
      expect(() => parseHostPort(text)).toThrow(expect.objectContaining({ code: 'HOST_PORT_INVALID' }));
    },
  );
});
