/** ICMP errors that come in: what is believed of them, and what comes of it. */
import { describe, expect } from 'vitest';
import type { TcpConnection, UdpError } from '../../../stack/index.ts';
import { type Harness, type HarnessOptions, scenario, writeStream } from '../harness/harness.ts';
import { GUEST, GUEST6, icmpFrame, icmpv6Frame, SERVICE, SERVICE6, stream } from '../harness/packets.ts';

const IPV6: HarnessOptions = { ip: 6 };

/** A connection with 100 bytes in flight, and the packet they are in. */
function inFlight(h: Harness, length = 100): { connection: TcpConnection; packet: Uint8Array } {
  const connection = h.establish();
  writeStream(connection, 0, length);
  h.poll();
  const [frame] = h.frames();
  return { connection, packet: frame.packet };
}

describe('unreachable', () => {
  scenario('is a soft error of the connection, until something is acknowledged', (h) => {
    const { connection, packet } = inFlight(h);
    for (const [code, reason] of [
      [0, 'net'],
      [1, 'host'],
      [2, 'protocol'],
      [3, 'port'],
      [13, 'admin-prohibited'],
    ] as const) {
      h.receive(icmpFrame(3, code, 0, packet.subarray(0, 28)));
      expect([connection.softError, connection.state]).toEqual([reason, 'ESTABLISHED']);
    }
    h.receive(icmpFrame(11, 0, 0, packet.subarray(0, 28)));
    expect([connection.softError, h.stack.counters.icmpErrorsInTcp]).toEqual(['time-exceeded', 6]);
    h.advance(10);
    h.guest('A seq=1 ack=101');
    expect(connection.softError).toBe(null);
  });

  scenario('explains a timeout', (h) => {
    const { connection, packet } = inFlight(h);
    let reason: unknown;
    connection.onClosed = (why) => {
      reason = [why, connection.softError];
    };
    h.advance(50_000);
    h.receive(icmpFrame(3, 1, 0, packet.subarray(0, 28)));
    h.advance(100_000);
    expect(reason).toEqual(['timeout', 'host']);
    h.frames();
  });

  scenario(
    'over IPv6, by its own codes',
    (h) => {
      const { connection, packet } = inFlight(h);
      const seen = [0, 1, 2, 3, 4, 5, 6].map((code) => {
        h.receive(icmpv6Frame(1, code, 0, packet.subarray(0, 48)));
        return connection.softError;
      });
      expect(seen).toEqual(['net', 'admin-prohibited', 'net', 'host', 'port', 'admin-prohibited', 'net']);
      h.receive(icmpv6Frame(4, 1, 6, packet.subarray(0, 48)));
      expect(connection.softError).toBe('parameter-problem');
      h.guest('A seq=1 ack=101');
    },
    IPV6,
  );

  scenario('that quotes what was never sent is not believed', (h) => {
    const { connection, packet } = inFlight(h);
    const forge = (edit: (copy: Uint8Array) => void): void => {
      const copy = packet.slice(0, 28);
      edit(copy);
      h.receive(icmpFrame(3, 1, 0, copy));
    };
    // Beyond what was sent, before what is in flight, another port, another address, a later fragment.
    forge((copy) => copy.set([0x40], 24));
    forge((copy) => new DataView(copy.buffer).setInt32(24, new DataView(copy.buffer).getInt32(24) - 1));
    forge((copy) => copy.set([9], 21));
    forge((copy) => copy.set([9], 19));
    forge((copy) => copy.set([1], 7));
    h.receive(icmpFrame(3, 1, 0, packet.subarray(0, 27)));
    expect(connection.softError).toBe(null);
    expect(h.stack.counters).toMatchObject({
      icmpErrorsInTcp: 0,
      icmpErrorsInUnmatched: 4,
      icmpHeaderBad: 2,
    });
    h.guest('A seq=1 ack=101');
  });

  scenario('about a datagram is told with its ends, as long as the flow is remembered', (h) => {
    const errors: UdpError[] = [];
    h.stack.onUdpError = (error) => errors.push(error);
    h.stack.sendUdp({ address: SERVICE, port: 53 }, { address: GUEST, port: 4000 }, stream(0, 5));
    h.stack.sendUdp({ address: SERVICE6, port: 53 }, { address: GUEST6, port: 4000 }, stream(0, 5));
    const [over4, over6] = h.frames();
    h.receive(icmpFrame(3, 3, 0, over4.packet));
    h.receive(icmpv6Frame(1, 4, 0, over6.packet));
    expect(errors).toEqual([
      { localAddress: SERVICE, localPort: 53, remoteAddress: GUEST, remotePort: 4000, reason: 'port' },
      { localAddress: SERVICE6, localPort: 53, remoteAddress: GUEST6, remotePort: 4000, reason: 'port' },
    ]);
    h.advance(120_000);
    h.poll();
    h.receive(icmpFrame(3, 3, 0, over4.packet));
    expect([errors.length, h.stack.counters.icmpErrorsInUnmatched]).toEqual([2, 1]);
  });

  scenario('about an echo reply is counted as such, and nobody is told', (h) => {
    h.stack.onEcho = (request) => request.reply();
    h.receive(icmpFrame(8, 0, 77, stream(0, 20)));
    h.receive(icmpv6Frame(128, 0, 77, stream(0, 20)));
    const [over4, over6] = h.frames();
    h.receive(icmpFrame(3, 1, 0, over4.packet));
    h.receive(icmpv6Frame(1, 3, 0, over6.packet));
    expect(h.stack.counters).toMatchObject({ icmpErrorsInEcho: 2, icmpErrorsInUnmatched: 0 });
    // We send no pings of our own.
    h.receive(icmpFrame(3, 1, 0, icmpFrame(8, 0, 77, stream(0, 20)).subarray(10)));
    expect(h.stack.counters).toMatchObject({ icmpErrorsInEcho: 2, icmpErrorsInUnmatched: 1 });
  });

  scenario(
    'about a flow that made room for others is not',
    (h) => {
      const packets = [1, 2, 3].map((port) => {
        h.stack.sendUdp({ address: SERVICE, port }, { address: GUEST, port }, stream(0, 5));
        return h.frames()[0].packet;
      });
      for (const packet of packets) h.receive(icmpFrame(3, 3, 0, packet));
      expect(h.stack.counters).toMatchObject({ icmpErrorsInUdp: 2, icmpErrorsInUnmatched: 1 });
    },
    { limits: { maxUdpFlows: 2 } },
  );
});

describe('path mtu', () => {
  scenario('that an error lowers cuts the segments in flight and all later ones', (h) => {
    const { connection, packet } = inFlight(h, 1460);
    h.receive(icmpFrame(3, 4, 1000, packet.subarray(0, 28)));
    h.poll();
    h.sends('PA seq=1 len=960', 'PA seq=961 len=500');
    h.guest('A seq=1 ack=1461');
    writeStream(connection, 1460, 1000);
    h.poll();
    h.sends('A seq=1461 len=960', 'PA seq=2421 len=40');
    h.guest('A seq=1 ack=2461');
    expect(h.stack.counters.tcpPathMtuLowered).toBe(1);
  });

  scenario(
    'of IPv6 likewise, never below the least',
    (h) => {
      const { packet } = inFlight(h, 1440);
      h.receive(icmpv6Frame(2, 0, 1279, packet.subarray(0, 60)));
      h.poll();
      h.sends();
      h.receive(icmpv6Frame(2, 0, 1280, packet.subarray(0, 60)));
      h.poll();
      h.sends('PA seq=1 len=1220', 'PA seq=1221 len=220');
      h.guest('A seq=1 ack=1441');
    },
    IPV6,
  );

  for (const congestionControl of ['cubic', 'newreno'] as const) {
    scenario(
      `lower, the congestion window keeps its number of segments: ${congestionControl}`,
      (h) => {
        const { connection, packet } = inFlight(h, 40_000);
        const windowOf = (): number => [...h.stack.connections()][0].congestionWindow;
        expect(windowOf()).toBe(10 * 1460);
        h.receive(icmpFrame(3, 4, 1000, packet.subarray(0, 28)));
        expect(windowOf()).toBe(10 * 960);
        h.poll();
        h.sends(...Array.from({ length: 10 }, (_, i) => `PA seq=${1 + 960 * i} len=960`));
        // And grows by segments of the new size.
        h.guest('A seq=1 ack=961');
        expect(windowOf()).toBe(11 * 960);
        connection.reset();
        h.poll();
        h.frames();
      },
      { limits: { congestionControl } },
    );
  }

  scenario(
    'much lower than the link: before the first loss as much as a new connection begins with',
    (h) => {
      const { connection, packet } = inFlight(h, 300_000);
      h.receive(icmpFrame(3, 4, 1500, packet.subarray(0, 28)));
      expect([...h.stack.connections()][0].congestionWindow).toBe(10 * 1460);
      connection.reset();
      h.poll();
      h.frames();
    },
    { mtu: 65_520, limits: { initialWindowSegments: 10 } },
  );

  scenario('has a floor, and the error must make sense', (h) => {
    const { packet } = inFlight(h, 1460);
    h.receive(icmpFrame(3, 4, 1500, packet.subarray(0, 28)));
    h.poll();
    h.sends();
    h.receive(icmpFrame(3, 4, 68, packet.subarray(0, 28)));
    h.poll();
    h.sends('PA seq=1 len=512 gso=0', 'PA seq=513 len=512', 'PA seq=1025 len=436');
    h.guest('A seq=1 ack=1461');
  });

  scenario('that a router does not say is the next common one', (h) => {
    const { packet } = inFlight(h, 1460);
    h.receive(icmpFrame(3, 4, 0, packet.subarray(0, 28)));
    h.poll();
    h.sends('PA seq=1 len=1452', 'PA seq=1453 len=8');
    h.guest('A seq=1 ack=1461');
  });

  scenario('is remembered for the host, by UDP and new connections, and tried anew after a time', (h) => {
    const from = { address: SERVICE, port: 53 };
    const to = { address: GUEST, port: 4000 };
    const sizes = (): number[] => {
      h.stack.sendUdp(from, to, stream(0, 1400));
      return h.frames().map((frame) => frame.packet.length);
    };
    expect(sizes()).toEqual([1428]);
    h.stack.sendUdp(from, to, stream(0, 1400));
    const [{ packet }] = h.frames();
    h.receive(icmpFrame(3, 4, 1000, packet.subarray(0, 28)));
    expect(sizes()).toEqual([996, 452]);
    const connection = h.establish();
    writeStream(connection, 0, 1000);
    h.poll();
    h.sends('A seq=1 len=960', 'PA seq=961 len=40');
    h.guest('A seq=1 ack=1001');
    h.advance(600_000);
    h.poll();
    expect(sizes()).toEqual([1428]);
  });
});
