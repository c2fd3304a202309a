/** The table of flows: what is asked when, what ends when, and what the sandbox hears. */

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { DatagramFlowEvents, DatagramPort, Dialer } from '../../../../src/egress/dialer.ts';
import { DatagramRelay, type DatagramRoute } from '../../../../src/egress/udp/relay.ts';
import type { UdpDatagram } from '../../../../stack/index.ts';

/** A dialer that writes down what it is to do. */
class FakeDialer implements Dialer {
  readonly name = 'fake';
  readonly flows: { to: string; events: DatagramFlowEvents; sent: string[]; closed: boolean }[] = [];
  ports = 0;
  closedPorts = 0;

  stream(): never {
    throw new Error('datagrams alone');
  }

  openPort(): DatagramPort {
    this.ports += 1;
    return {
      flow: ({ address, port }, events) => {
        const flow = { to: `${address}:${port}`, events, sent: [] as string[], closed: false };
        this.flows.push(flow);
        return {
          send: (payload) => void flow.sent.push(Buffer.from(payload).toString()),
          close: () => void (flow.closed = true),
        };
      },
      close: () => void (this.closedPorts += 1),
    };
  }
}

const answers: string[] = [];
function datagram(sourcePort: number, to: string, port = 7): UdpDatagram {
  const say = (what: string): void => void answers.push(`${sourcePort} ${to}:${port} ${what}`);
  return {
    localAddress: to,
    localPort: port,
    remoteAddress: '10.0.1.2',
    remotePort: sourcePort,
    payload: Buffer.from('x'),
    isOfFlowOf: (other: UdpDatagram) =>
      other.remotePort === sourcePort && other.localAddress === to && other.localPort === port,
    replyAll: (payloads: readonly Uint8Array[]) =>
      payloads.map((one) => say(Buffer.from(one).toString())).length,
    unreachable: (reason: string) => say(reason),
    tooBig: (mtu: number) => say(`mtu ${mtu}`),
  } as unknown as UdpDatagram;
}

let dialer: FakeDialer;
let asked: string[];
let relay: DatagramRelay;
const spoken: string[] = [];

beforeEach(() => {
  vi.useFakeTimers();
  dialer = new FakeDialer();
  asked = [];
  answers.length = 0;
  spoken.length = 0;
  relay = new DatagramRelay({
    stack: {
      sendUdpAll: (from, to, payloads) => {
        spoken.push(`${from.address}:${from.port} to ${to.address}:${to.port}`);
        return payloads.length;
      },
    },
    route: ({ localAddress: address, localPort: port }): DatagramRoute | undefined => {
      asked.push(`${address}:${port}`);
      return address === '192.0.2.66' ? undefined : { dialer, destination: { address, port } };
    },
    now: () => Date.now(),
  });
});
afterEach(() => {
  relay.close();
  vi.useRealTimers();
});

test('a flow is decided on once, a source port has one port outside', () => {
  for (let i = 0; i < 3; i++) relay.forward(datagram(5000, '192.0.2.1'));
  relay.forward(datagram(5000, '192.0.2.2'));
  expect(asked).toEqual(['192.0.2.1:7', '192.0.2.2:7']);
  expect(dialer.ports).toBe(1);
  relay.forward(datagram(5001, '192.0.2.1'));
  expect(dialer.ports).toBe(2);
  expect(dialer.flows.map(({ sent }) => sent.length)).toEqual([3, 1, 1]);
});

test('what is denied is prohibited at once, and leaves nothing behind', () => {
  relay.forward(datagram(5000, '192.0.2.66'));
  expect(answers).toEqual(['5000 192.0.2.66:7 admin-prohibited']);
  expect([relay.size, dialer.ports]).toEqual([0, 0]);
});

test('what is denied is not asked for again at each datagram, and is a while later', () => {
  for (let i = 0; i < 100; i++) relay.forward(datagram(5000, '192.0.2.66'));
  expect([asked.length, answers.length]).toEqual([1, 100]);
  vi.advanceTimersByTime(5_000);
  relay.forward(datagram(5000, '192.0.2.66'));
  expect(asked).toHaveLength(2);
});

test('answers and errors reach who asked; from another port they come from that', () => {
  relay.forward(datagram(5000, '192.0.2.1'));
  const [{ events }] = dialer.flows as [FakeDialer['flows'][number]];
  events.onDatagrams([Buffer.from('a'), Buffer.from('b')], 7);
  events.onUnreachable('port');
  events.onTooBig(1400);
  expect(answers).toEqual([
    '5000 192.0.2.1:7 a',
    '5000 192.0.2.1:7 b',
    '5000 192.0.2.1:7 port',
    '5000 192.0.2.1:7 mtu 1400',
  ]);
  events.onDatagrams([Buffer.from('c')], 4321);
  expect(spoken).toEqual(['192.0.2.1:4321 to 10.0.1.2:5000']);
});

test('idle for two minutes it ends, with its port; an answer counts as use; DNS ends sooner', () => {
  relay.forward(datagram(5000, '192.0.2.1'));
  relay.forward(datagram(5001, '192.0.2.1', 53));
  const [flow] = dialer.flows;
  vi.advanceTimersByTime(30_000);
  expect(dialer.flows.map(({ closed }) => closed)).toEqual([false, true]);
  expect(dialer.closedPorts).toBe(1);
  vi.advanceTimersByTime(80_000);
  flow?.events.onDatagrams([Buffer.from('late')], 7);
  vi.advanceTimersByTime(115_000);
  expect(flow?.closed).toBe(false);
  vi.advanceTimersByTime(15_000);
  expect(flow?.closed).toBe(true);
  expect([relay.size, dialer.closedPorts, vi.getTimerCount()]).toEqual([0, 2, 0]);
});

test('past the bound of ports the ones that were not used again go, and those in use stay', () => {
  relay.forward(datagram(1, '192.0.2.1'));
  for (let port = 2; port <= 2000; port++) {
    relay.forward(datagram(port, '192.0.2.1'));
    relay.forward(datagram(1, '192.0.2.1'));
  }
  expect(dialer.ports - dialer.closedPorts).toBe(1024);
  expect(relay.size).toBe(1024);
  expect(dialer.flows[0]?.closed).toBe(false);
});

test('thousands of questions that are answered leave a port that was used before, and is silent now', () => {
  for (let i = 0; i < 3; i++) relay.forward(datagram(1, '192.0.2.1'));
  for (let port = 2; port <= 10_000; port++) {
    relay.forward(datagram(port, '192.0.2.1'));
    dialer.flows.at(-1)?.events.onDatagrams([Buffer.from('a')], 7);
  }
  expect(dialer.flows[0]?.closed).toBe(false);
  expect(relay.size).toBe(1024);
});

test('ports that are used again and again leave room for others, and go when they are the oldest', () => {
  for (let port = 1; port <= 3000; port++) {
    relay.forward(datagram(port, '192.0.2.1'));
    relay.forward(datagram(port, '192.0.2.1'));
  }
  const open = dialer.flows.map(({ closed }, i) => (closed ? 0 : i + 1)).filter((port) => port > 0);
  expect(open).toHaveLength(1024);
  expect(open.slice(-512)).toEqual(Array.from({ length: 512 }, (_, i) => 2489 + i));
});

test('past the bound of flows a single port can not take all memory', () => {
  for (let port = 1; port <= 10_000; port++) relay.forward(datagram(5000, '192.0.2.1', port));
  expect(relay.size).toBe(4096);
  expect(dialer.flows.filter(({ closed }) => !closed)).toHaveLength(4096);
  expect(dialer.ports).toBe(1);
});

test('a port whose flows had to go for others goes with them', () => {
  relay.forward(datagram(1, '192.0.2.1'));
  for (let port = 1; port <= 5000; port++) relay.forward(datagram(5000, '192.0.2.1', port));
  expect([dialer.flows[0]?.closed, dialer.ports, dialer.closedPorts]).toEqual([true, 2, 1]);
});

test.each(['openPort', 'flow', 'send'] as const)(
  'a dialer that throws in %s loses that datagram, and its sender is told',
  (where) => {
    const ports = new FakeDialer();
    const codes = ['ENETUNREACH', 'what', ''];
    const turn = (): void => {
      const code = codes.shift() ?? '';
      if (code !== '') throw Object.assign(new Error('not now'), { code });
    };
    dialer.openPort = () => {
      if (where === 'openPort') turn();
      const port = ports.openPort();
      return {
        ...port,
        flow: (destination, events) => {
          if (where === 'flow') turn();
          const flow = port.flow(destination, events);
          return {
            ...flow,
            send: (payload) => {
              if (where === 'send') turn();
              flow.send(payload);
            },
          };
        },
      };
    };
    for (let i = 0; i < 3; i++) relay.forward(datagram(5000, '192.0.2.1'));
    expect(answers).toEqual(['5000 192.0.2.1:7 net', '5000 192.0.2.1:7 host']);
    expect(ports.flows.map(({ sent }) => sent)).toEqual([['x']]);
  },
);

test('at the end all is closed', () => {
  relay.forward(datagram(5000, '192.0.2.1'));
  relay.forward(datagram(5001, '192.0.2.1'));
  relay.close();
  expect([relay.size, dialer.closedPorts, vi.getTimerCount()]).toEqual([0, 2, 0]);
  expect(dialer.flows.every(({ closed }) => closed)).toBe(true);
});
