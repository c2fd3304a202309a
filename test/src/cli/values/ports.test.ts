import { describe, expect, test } from 'vitest';
import { checkHostPorts, parseHostPort, parsePublish } from '../../../../src/cli/values/ports.ts';

const fixed = (hostPort: number, port: number, more: object = {}) => ({
  kind: 'fixed',
  protocol: 'tcp',
  hostPort,
  port,
  ...more,
});

const web = (more: object = {}) => ({ kind: 'Service', name: 'web', ...more });
const target = (hostPort: number, of: object, more: object = {}) => ({
  kind: 'target',
  hostPort,
  target: of,
  ...more,
});
const EKS = 'arn:aws:eks:eu-central-1:123456789012:cluster/prod';

describe('--publish', () => {
  test.each([
    ['8080:svc/web', target(8080, web())],
    ['8080:svc/web:80', target(8080, web(), { port: 80 })],
    ['0:svc/web:http', target(0, web(), { port: 'http' })],
    ['8080:svc/web:80/tcp', target(8080, web(), { port: 80 })],
    [
      '0.0.0.0:8080:shop/svc/web:80',
      target(8080, web({ namespace: 'shop' }), { address: '0.0.0.0', port: 80 }),
    ],
    [
      '[::1]:8080:prod/shop/svc/web',
      target(8080, web({ context: 'prod', namespace: 'shop' }), { address: '::1' }),
    ],
    [`8080:${EKS}/shop/svc/web:80`, target(8080, web({ context: EKS, namespace: 'shop' }), { port: 80 })],
    [
      `127.0.0.1:8080:${EKS}/shop/svc/web`,
      target(8080, web({ context: EKS, namespace: 'shop' }), { address: '127.0.0.1' }),
    ],
    ['8080:pod/web-0:80', target(8080, { kind: 'Pod', name: 'web-0' }, { port: 80 })],
    ['8080:svc/web:80,proxy=v2', target(8080, web(), { port: 80, proxyHeader: 'v2' })],
  ])('%s', (text, rule) => {
    expect(parsePublish(text)).toEqual([rule]);
  });

  test.each([
    ['svc/web:80', 'PUBLISH_INVALID'],
    ['8080:svc/web:', 'PUBLISH_INVALID'],
    ['8080:svc/web:0', 'PUBLISH_INVALID'],
    ['8080:svc/web:65536', 'PUBLISH_INVALID'],
    ['65536:svc/web:80', 'PUBLISH_INVALID'],
    ['8080:svc/web:HTTP', 'PUBLISH_INVALID'],
    ['8080:svc/web:80-81', 'PUBLISH_INVALID'],
    ['8080-8081:svc/web:80', 'PUBLISH_INVALID'],
    ['localhost:8080:svc/web:80', 'PUBLISH_INVALID'],
    ['8080:svc/web:80,proxy=v3', 'PUBLISH_INVALID'],
    ['8080:svc/Web:80', 'TARGET_INVALID'],
    ['8080:shop/web:80', 'TARGET_INVALID'],
    ['8080:svc/web.shop', 'TARGET_INVALID'],
  ])('%s: %s', (text, code) => {
    expect(() => parsePublish(text)).toThrow(expect.objectContaining({ code }));
  });

  test('UDP of a Service is refused, with the reason', () => {
    expect(() => parsePublish('5353:svc/dns:53/udp')).toThrow('a port-forward carries TCP only');
  });

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

const check = (...texts: string[]) => checkHostPorts(texts.map((text) => parseHostPort(text)));

describe('--host-port', () => {
  test.each([
    ['5432', { kind: 'ports', protocol: 'tcp', first: 5432, last: 5432, hostFirst: 5432 }],
    ['8000-8010', { kind: 'ports', protocol: 'tcp', first: 8000, last: 8010, hostFirst: 8000 }],
    ['53/udp', { kind: 'ports', protocol: 'udp', first: 53, last: 53, hostFirst: 53 }],
    ['28555:8000', { kind: 'ports', protocol: 'tcp', first: 28_555, last: 28_555, hostFirst: 8000 }],
    ['5353:53/udp', { kind: 'ports', protocol: 'udp', first: 5353, last: 5353, hostFirst: 53 }],
    ['90-92:80-82', { kind: 'ports', protocol: 'tcp', first: 90, last: 92, hostFirst: 80 }],
    ['all', { kind: 'all' }],
  ])('%s', (text, rule) => {
    expect(parseHostPort(text)).toEqual(rule);
  });

  test.each([
    '',
    '0',
    '65536',
    'http',
    '10-9',
    '1-1025',
    'all/udp',
    '127.0.0.1:80',
    '0:80',
    '80:0',
    '90-91:80-82',
    '90-91:80',
    ':80',
    '80:',
  ])('HOST_PORT_INVALID: %j', (text) => {
    expect(() => parseHostPort(text)).toThrow(expect.objectContaining({ code: 'HOST_PORT_INVALID' }));
  });

  test('HOST_PORT_INVALID: one port of the sandbox for two of the host', () => {
    expect(() => check('all', '8000-8002', '8001', '8001/udp', '9000:8001')).not.toThrow();
    expect(() => check('8000-8002', '8001:80')).toThrow('8001/tcp would be 8001 and 80 of the host');
  });
});
