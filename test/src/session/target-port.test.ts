import { describe, expect, test } from 'vitest';
import type { ServiceRecord } from '../../../src/cluster/index.ts';
import { targetPort } from '../../../src/session/target-port.ts';
import { FakeCluster, headless, service } from './routing/fake-cluster.ts';

const HTTP = { name: 'http', port: 80, protocol: 'TCP', targetPort: 8080 } as const;
const PLAIN = { port: 81, protocol: 'TCP', targetPort: 81 } as const;
const DNS = { name: 'dns', port: 53, protocol: 'UDP', targetPort: 53 } as const;

const portOf = (ports: ServiceRecord['ports'], wanted?: number | string, more: Partial<ServiceRecord> = {}) =>
  targetPort({ service: service('web', { ports, ...more }) }, wanted, {
    cluster: new FakeCluster(),
    text: 'a/svc/web',
  });

describe('which port is meant', () => {
  test.each([
    ['by number', [HTTP, PLAIN], 81, 81],
    ['by name', [DNS, PLAIN, HTTP], 'http', 80],
    ['the only one', [PLAIN], undefined, 81],
    ['the only one of TCP', [DNS, HTTP], undefined, 80],
  ])('%s', (_how, ports, wanted, port) => {
    expect(portOf(ports, wanted)).toBe(port);
  });

  test('of a pod, any', () => {
    const found = { service: headless('db'), podLabel: 'db-0' };
    expect(targetPort(found, 5432, { cluster: new FakeCluster(), text: 'a/pod/db-0' })).toBe(5432);
  });

  test.each([
    ['one that it has not', [HTTP, PLAIN], 82, 'a/svc/web has no TCP port 82', ': 80 (http), 81'],
    ['one of UDP', [DNS, HTTP], 53, 'a/svc/web has no TCP port 53', ': 80 (http)'],
    ['a name of UDP', [DNS, HTTP], 'dns', 'a/svc/web has no TCP port called dns', ': 80 (http)'],
    ['one of several', [HTTP, PLAIN], undefined, 'a/svc/web has several TCP ports', ': 80 (http), 81'],
    ['where all are UDP', [DNS], undefined, 'a/svc/web has no TCP port', 'a port-forward carries no other'],
  ])('PUBLISH_PORT_UNKNOWN: %s', (_what, ports, wanted, message, remedy) => {
    expect(() => portOf(ports, wanted)).toThrow(
      expect.objectContaining({
        code: 'PUBLISH_PORT_UNKNOWN',
        message,
        remedy: expect.stringContaining(remedy),
      }),
    );
  });

  test('PUBLISH_PORT_UNKNOWN: a name for something outside', () => {
    expect(() => portOf([], 80, { type: 'ExternalName', externalName: 'db.example' })).toThrow(
      expect.objectContaining({
        code: 'PUBLISH_PORT_UNKNOWN',
        message: expect.stringContaining('db.example'),
      }),
    );
  });
});
