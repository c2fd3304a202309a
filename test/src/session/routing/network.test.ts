/** What each kind of flow meets, on a real stack: a guest that sends packets, and clusters that obey. */

import dnsPacket from 'dns-packet';
import { describe, expect } from 'vitest';
import { RemoteStreamError, type RemoteStreamEvents } from '../../../../src/relay/stream.ts';
import { AddressPlan } from '../../../../src/names/address-plan.ts';
import { Directory } from '../../../../src/session/routing/directory.ts';
import { attachNetwork } from '../../../../src/session/routing/network.ts';
import { type Harness, scenario } from '../../../stack/harness/harness.ts';
import { ipv4Frame, type ParsedFrame, tcpFrame, udpFrame } from '../../../stack/harness/packets.ts';
import { context, FakeCluster, headless, service } from './fake-cluster.ts';

const SYN = 2;
const RST_ACK = 0x14;
const GATEWAY = '10.0.1.1';
const GUEST6 = 'fd6b:6e73::2';
const PORT_UNREACHABLE = [3, 3];
const PORT_UNREACHABLE6 = [1, 4];
const HOST_UNREACHABLE = [3, 1];
const NET_UNREACHABLE = [3, 0];
const PROTOCOL_UNREACHABLE = [3, 2];
const SCTP = 132;

const web = service('web', {
  ports: [
    { name: 'http', port: 80, protocol: 'TCP', targetPort: 8080 },
    { name: 'dns', port: 53, protocol: 'UDP', targetPort: 53 },
  ],
});
const db = headless('db');

/** The network of a sandbox, in which a guest sends what it likes. */
class Sandbox {
  readonly lines: string[] = [];
  readonly cluster = new FakeCluster([web, db]);
  readonly directory: Directory;
  readonly #h: Harness;

  constructor(h: Harness) {
    this.#h = h;
    this.cluster.setPods(db, 'db-0');
    const info = (line: string) => void this.lines.push(line);
    const warn = (line: string) => void this.lines.push(`warn: ${line}`);
    const log = { warn, info, debug: () => {} };
    this.directory = new Directory({
      plan: new AddressPlan('10.0.1.0/24', 'fd6b:6e73::/64'),
      contexts: [context(this.cluster)],
      domain: 'cluster.local',
      log,
    });
    attachNetwork({ stack: h.stack, directory: this.directory, log });
  }

  address(name: string, family: 0 | 1 = 0): string {
    return this.directory.names.lookup(name)?.addresses[family] ?? '';
  }

  /** A SYN. @returns what came back at once */
  connect(destination: string, destinationPort: number): ParsedFrame[] {
    const source = destination.includes(':') ? { source: GUEST6 } : {};
    this.#h.receive(tcpFrame({ ...source, destination, destinationPort, sequence: 7, flags: SYN }));
    this.#h.poll();
    return this.#h.frames();
  }

  /** What has been sent since. */
  sent(): ParsedFrame[] {
    this.#h.poll();
    return this.#h.frames();
  }

  datagram(
    destination: string,
    destinationPort: number,
    payload: Uint8Array = Buffer.from('x'),
  ): ParsedFrame[] {
    const source = destination.includes(':') ? { source: GUEST6 } : {};
    this.#h.receive(udpFrame(payload, { ...source, destination, destinationPort }));
    return this.#h.frames();
  }
}

/** The flags of a lone segment, or type and code of a lone ICMP message. */
function answer(frames: readonly ParsedFrame[]): unknown {
  expect(frames).toHaveLength(1);
  const [{ protocol, payload }] = frames;
  return protocol === 6 ? payload[13] : [...payload.subarray(0, 2)];
}

describe('TCP', () => {
  scenario('leads to a Service and to a pod of a headless one, by both families', (h) => {
    const sandbox = new Sandbox(h);
    for (const [name, family] of [
      ['web', 0],
      ['web', 1],
      ['db-0.db', 0],
    ] as const)
      expect(sandbox.connect(sandbox.address(name, family), 80)).toEqual([]);
    expect(sandbox.cluster.dialled).toEqual(['a/web:80', 'a/web:80', 'a/db/db-0:80']);
  });

  scenario('leads to a ClusterIP and to the address of a pod', (h) => {
    const sandbox = new Sandbox(h);
    expect([sandbox.connect('10.96.0.1', 80), sandbox.connect('10.244.0.1', 6379)]).toEqual([[], []]);
    expect(sandbox.cluster.dialled).toEqual(['a/web:80', 'a/db/db-0:6379']);
  });

  scenario('is refused where the Service has no such port, and where it has gone', (h) => {
    const sandbox = new Sandbox(h);
    const address = sandbox.address('web');
    expect(answer(sandbox.connect(address, 81))).toBe(RST_ACK);
    sandbox.cluster.remove(web);
    expect(answer(sandbox.connect(address, 80))).toBe(RST_ACK);
    expect(sandbox.lines).toEqual([
      'warn: web.a:81: refused, no such port: 80',
      'web.a has gone',
      'web.a:80: refused, it is not there any more',
    ]);
    expect(sandbox.cluster.dialled).toEqual([]);
  });

  scenario('to a port that a Service lacks is told of once, and again when it has others', (h) => {
    const sandbox = new Sandbox(h);
    const address = sandbox.address('web');
    for (const port of [81, 81, 82]) expect(answer(sandbox.connect(address, port))).toBe(RST_ACK);
    sandbox.cluster.put({ ...web, ports: [{ ...web.ports[0], port: 8000 }] });
    expect(answer(sandbox.connect(address, 81))).toBe(RST_ACK);
    expect(sandbox.lines).toEqual([
      'warn: web.a:81: refused, no such port: 80',
      'web.a:81: refused, no such port: 80',
      'web.a:82: refused, no such port: 80',
      'warn: web.a:81: refused, no such port: 8000',
    ]);
  });

  scenario('to a Service without a ready pod is told of once, and again when it had some in between', (h) => {
    const sandbox = new Sandbox(h);
    const refused = new RemoteStreamError('refused', 'as the dial has it');
    const connect = () => {
      sandbox.connect(sandbox.address('web'), 80);
      sandbox.cluster.events?.onError(refused);
      expect(answer(sandbox.sent())).toBe(RST_ACK);
    };
    const told = 'web.a:80: refused, no ready pod';
    connect();
    connect();
    expect(sandbox.lines.splice(0)).toEqual([`warn: ${told}`, told]);
    sandbox.cluster.setPods(web);
    connect();
    expect(sandbox.lines.splice(0)).toEqual([told]);
    sandbox.cluster.setPods(web, 'web-1');
    connect();
    expect(sandbox.lines.splice(0)).toEqual(['web.a:80: as the dial has it']);
    sandbox.cluster.setPods(web);
    connect();
    connect();
    expect(sandbox.lines).toEqual([`warn: ${told}`, told]);
  });

  scenario('a connection that is reset later is no matter of what the Service has', (h) => {
    const sandbox = new Sandbox(h);
    sandbox.connect(sandbox.address('web'), 80);
    sandbox.cluster.events?.onError(new RemoteStreamError('reset', 'the pod has gone'));
    expect(answer(sandbox.sent())).toEqual(HOST_UNREACHABLE);
    expect(sandbox.lines).toEqual(['web.a:80: the pod has gone']);
  });

  scenario('has no route to what nobody has', (h) => {
    const sandbox = new Sandbox(h);
    expect(answer(sandbox.connect('10.0.1.254', 80))).toEqual(HOST_UNREACHABLE);
    expect(answer(sandbox.connect('192.0.2.1', 80))).toEqual(NET_UNREACHABLE);
  });

  scenario('leads to an endpoint at its own port alone', (h) => {
    const sandbox = new Sandbox(h);
    const dialled: number[] = [];
    const endpoint = {
      name: 'api.example.com',
      hasPort: (port: number) => port === 6443,
      dial: (port: number, events: RemoteStreamEvents) => {
        dialled.push(port);
        return sandbox.cluster.dialService(web, port, events);
      },
    };
    sandbox.directory.addEndpoint(endpoint, { names: [], literals: ['192.0.2.7'] });
    expect(sandbox.connect('192.0.2.7', 6443)).toEqual([]);
    expect(answer(sandbox.connect('192.0.2.7', 22))).toBe(RST_ACK);
    expect(dialled).toEqual([6443]);
  });
});

describe('UDP', () => {
  scenario('to a Service is refused, and of a port that it has it is said why, once', (h) => {
    const sandbox = new Sandbox(h);
    const address = sandbox.address('web');
    for (let i = 0; i < 2; i++) expect(answer(sandbox.datagram(address, 53))).toEqual(PORT_UNREACHABLE);
    expect(answer(sandbox.datagram(sandbox.address('web', 1), 53))).toEqual(PORT_UNREACHABLE6);
    expect(answer(sandbox.datagram(address, 54))).toEqual(PORT_UNREACHABLE);
    expect(sandbox.lines).toEqual(['web.a:53/UDP: refused, a port-forward carries TCP only']);
  });

  scenario('to the gateway is DNS, in both families', (h) => {
    const sandbox = new Sandbox(h);
    const query = dnsPacket.encode({ type: 'query', id: 7, questions: [{ name: 'web.a', type: 'A' }] });
    for (const gateway of [GATEWAY, 'fd6b:6e73::1']) {
      const [reply] = sandbox.datagram(gateway, 53, query);
      const message = dnsPacket.decode(Buffer.from(reply.payload.subarray(8)));
      expect(message.answers).toMatchObject([{ data: sandbox.address('web') }]);
    }
    expect(answer(sandbox.datagram(GATEWAY, 54))).toEqual(PORT_UNREACHABLE);
  });
});

scenario(
  'SCTP to a Service meets no such protocol, and of a port that it has it is said beforehand why',
  (h) => {
    const sandbox = new Sandbox(h);
    sandbox.cluster.put(
      service('hss', { ports: [{ name: 's6a', port: 3868, protocol: 'SCTP', targetPort: 3868 }] }),
    );
    expect(sandbox.lines).toContain('hss.a:3868/SCTP: refused, a port-forward carries TCP only');
    h.receive(
      ipv4Frame({ destination: sandbox.address('web'), protocol: SCTP, payload: new Uint8Array(16) }),
    );
    expect(answer(h.frames())).toEqual(PROTOCOL_UNREACHABLE);
  },
);
