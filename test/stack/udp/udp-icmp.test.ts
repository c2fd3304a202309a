import { describe, expect } from 'vitest';
import type { EchoRequest, UdpDatagram } from '../../../stack/index.ts';
import { scenario, writeStream } from '../harness/harness.ts';
import {
  concat,
  GUEST,
  GUEST6,
  icmpFrame,
  naiveChecksum,
  SERVICE,
  SERVICE6,
  stream,
  udpFrame,
} from '../harness/packets.ts';

describe('UDP', () => {
  scenario('comes in with its addresses, and is answered from them, later too', (h) => {
    const seen: UdpDatagram[] = [];
    h.stack.onUdp = (datagram) => {
      expect(datagram.payload).toEqual(stream(0, 32));
      seen.push(datagram);
    };
    h.receive(udpFrame(stream(0, 32)));
    const [datagram] = seen;
    expect([datagram.localAddress, datagram.localPort]).toEqual([SERVICE, 53]);
    expect([datagram.remoteAddress, datagram.remotePort]).toEqual([GUEST, 5000]);
    expect(datagram.reply(stream(7, 40))).toBe(true);
    const [frame] = h.frames();
    expect([frame.source, frame.destination, frame.fragment]).toEqual([SERVICE, GUEST, 0x4000]);
    expect([...frame.payload.subarray(0, 6)]).toEqual([0, 53, 0x13, 0x88, 0, 48]);
    expect(frame.offload).toMatchObject({ needsChecksum: true, checksumStart: 20, checksumOffset: 6 });
    expect(frame.payload.subarray(8)).toEqual(stream(7, 40));
  });

  scenario('is of one flow with what has the same four ends', (h) => {
    const seen: UdpDatagram[] = [];
    h.stack.onUdp = (datagram) => void seen.push(datagram);
    const ends = { source: GUEST, destination: SERVICE, sourcePort: 5000, destinationPort: 53 };
    h.receive(udpFrame(stream(0, 1), ends));
    h.receive(udpFrame(stream(1, 1), ends));
    h.receive(udpFrame(stream(0, 1), { ...ends, sourcePort: 5001 }));
    h.receive(udpFrame(stream(0, 1), { ...ends, destinationPort: 54 }));
    h.receive(udpFrame(stream(0, 1), { ...ends, destination: '10.0.1.6' }));
    h.receive(udpFrame(stream(0, 1), { ...ends, source: '10.0.1.3' }));
    h.receive(udpFrame(stream(0, 1), { ...ends, source: GUEST6, destination: SERVICE6 }));
    const [first, ...others] = seen;
    expect(others.map((other) => other.isOfFlowOf(first))).toEqual([true, false, false, false, false, false]);
  });

  scenario('larger than the mtu goes out in fragments with a complete checksum', (h) => {
    const from = { address: '8.8.8.8', port: 53 };
    expect(h.stack.sendUdp(from, { address: GUEST, port: 7 }, stream(0, 4000))).toBe(true);
    const frames = h.frames();
    expect(frames.map((frame) => [frame.fragment, frame.packet.length])).toEqual([
      [0x2000, 1500],
      [0x2000 | 185, 1500],
      [370, 1068],
    ]);
    expect(new Set(frames.map((frame) => frame.identification)).size).toBe(1);
    const datagram = concat(...frames.map((frame) => frame.payload));
    expect(datagram.subarray(8)).toEqual(stream(0, 4000));
    const pseudo = concat([8, 8, 8, 8, 10, 0, 1, 2, 0, 17], [datagram.length >>> 8, datagram.length & 255]);
    expect(naiveChecksum(concat(pseudo, datagram))).toBe(0);
  });

  scenario('larger than UDP is not sent', (h) => {
    const end = { address: GUEST, port: 7 };
    expect(h.stack.sendUdp(end, end, new Uint8Array(65_508))).toBe(false);
    expect(() => h.stack.sendUdp({ address: '10.0.0', port: 1 }, end, stream(0, 1))).toThrow(
      'not an IP address',
    );
  });

  scenario('without a handler is answered by port unreachable, quoting it', (h) => {
    const frame = udpFrame(stream(0, 1000));
    h.receive(frame);
    const [answer] = h.frames();
    expect([...answer.payload.subarray(0, 2)]).toEqual([3, 3]);
    expect(answer.packet).toHaveLength(576);
    expect(answer.payload.subarray(8)).toEqual(frame.subarray(10, 10 + 548));
    expect(naiveChecksum(answer.payload)).toBe(0);
  });

  scenario('is checked: bad lengths and checksums are dropped, no checksum is allowed', (h) => {
    let count = 0;
    h.stack.onUdp = () => {
      count++;
    };
    h.receive(udpFrame(stream(0, 9), { checksum: 0x1234 }));
    h.receive(udpFrame(stream(0, 9), { checksum: 0 }));
    const long = udpFrame(stream(0, 9));
    long[10 + 20 + 5] = 200;
    h.receive(long);
    expect([count, h.stack.counters.udpChecksumBad, h.stack.counters.udpHeaderBad]).toEqual([1, 1, 1]);
  });
});

describe('ping', () => {
  scenario('is answered with its own data when the application says so', (h) => {
    const seen: EchoRequest[] = [];
    h.stack.onEcho = (request) => seen.push(request);
    h.receive(icmpFrame(8, 0, 0x1234_0005, stream(0, 56)));
    h.sends();
    expect([seen[0].localAddress, seen[0].identifier, seen[0].sequence]).toEqual([SERVICE, 0x1234, 5]);
    seen[0].reply();
    const [frame] = h.frames();
    expect([frame.source, frame.destination]).toEqual([SERVICE, GUEST]);
    expect(frame.payload[0]).toBe(0);
    expect(naiveChecksum(frame.payload)).toBe(0);
    expect(frame.payload.subarray(4)).toEqual(concat([0x12, 0x34, 0, 5], stream(0, 56)));
  });

  scenario('may be refused, and is ignored without a handler', (h) => {
    h.receive(icmpFrame(8, 0, 1, stream(0, 8)));
    h.sends();
    h.stack.onEcho = (request) => request.unreachable('admin-prohibited');
    h.receive(icmpFrame(8, 0, 1, stream(0, 8)));
    const [frame] = h.frames();
    expect([...frame.payload.subarray(0, 2)]).toEqual([3, 13]);
  });

  scenario('of a wrong checksum is dropped', (h) => {
    const frame = icmpFrame(8, 0, 1, stream(0, 8));
    frame[frame.length - 1] ^= 1;
    h.receive(frame);
    h.receive(icmpFrame(13, 0, 1, stream(0, 12)));
    expect(h.stack.counters).toMatchObject({ icmpChecksumBad: 1, icmpTypeIgnored: 1, icmpEchoIn: 0 });
  });
});

describe('ICMP errors', () => {
  scenario(
    'out are limited in rate',
    (h) => {
      for (let i = 0; i < 5; i++) h.receive(udpFrame(stream(0, 8)));
      expect([h.frames().length, h.stack.counters.icmpErrorsLimited]).toEqual([2, 3]);
      h.advance(100);
      h.receive(udpFrame(stream(0, 8)));
      expect(h.frames()).toHaveLength(1);
    },
    { limits: { icmpErrorsPerSecond: 10, icmpErrorBurst: 2 } },
  );

  scenario('in are matched with what we sent, counted, and end nothing', (h) => {
    const connection = h.establish();
    writeStream(connection, 0, 100);
    h.poll();
    const [segment] = h.frames();
    h.receive(icmpFrame(3, 3, 0, segment.packet.subarray(0, 28)));
    h.receive(icmpFrame(3, 3, 0, segment.packet.subarray(0, 20)));
    const forged = segment.packet.slice(0, 28);
    forged[24] ^= 0x40;
    h.receive(icmpFrame(3, 3, 0, forged));
    h.stack.sendUdp({ address: SERVICE, port: 1 }, { address: GUEST, port: 2 }, stream(0, 1));
    h.receive(icmpFrame(3, 3, 0, h.frames()[0].packet));
    expect(h.stack.counters).toMatchObject({
      icmpErrorsInTcp: 1,
      icmpErrorsInUdp: 1,
      icmpErrorsInUnmatched: 1,
      icmpHeaderBad: 1,
    });
    expect(connection.state).toBe('ESTABLISHED');
    h.guest('A seq=1 ack=101');
  });
});
