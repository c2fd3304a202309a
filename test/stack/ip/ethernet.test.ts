/** The same stack in Ethernet frames. The harness checks each frame's header on the way. */
import { describe, expect } from 'vitest';
import type { UdpDatagram } from '../../../stack/index.ts';
import { drain, type HarnessOptions, scenario, writeStream } from '../harness/harness.ts';
import {
  concat,
  GUEST6,
  icmpv6Frame,
  SERVICE6,
  stream,
  tcpFrame,
  udpFrame,
  withEthernet,
} from '../harness/packets.ts';

const ETHERNET: HarnessOptions = { framing: 'ethernet' };

for (const ip of [4, 6] as const) {
  describe(`in Ethernet frames, IPv${ip}`, () => {
    scenario(
      'TCP opens, moves bytes both ways, closes',
      (h) => {
        const connection = h.establish({ mss: 1400 });
        h.guest('PA seq=1 ack=1 len=100');
        expect(drain(connection, 0)).toBe(100);
        h.sends('A ack=101');
        writeStream(connection, 0, 2000);
        connection.finish();
        h.poll();
        h.sends('A seq=1 len=1400', 'FPA seq=1401 len=600');
        h.guest('FA seq=101 ack=2002');
        h.sends('A seq=2002 ack=102');
      },
      { ...ETHERNET, ip },
    );

    scenario(
      'offload counts from the Ethernet header on',
      (h) => {
        const connection = h.establish({ mss: 1400, window: 4000 });
        writeStream(connection, 0, 10_000);
        h.poll();
        const [first] = h.device.frames;
        const headers = (ip === 4 ? 20 : 40) + 14;
        const view = new DataView(first.buffer, first.byteOffset);
        const fields = [2, 4, 6, 8].map((at) => view.getUint16(at, true));
        expect(fields).toEqual([headers + 20, 1400, headers, 16]);
        h.sends('PA seq=1 len=10000 gso=1400');
        h.guest('A seq=1 ack=10001');
        h.guestOffload('PA seq=1 ack=10001 len=64000', {
          needsChecksum: true,
          gsoType: ip === 4 ? 1 : 4,
          gsoSize: 1400,
        });
        expect(drain(connection, 0)).toBe(64_000);
        h.sends('A ack=64001');
      },
      { ...ETHERNET, ip, maxPacket: 65_535 },
    );
  });
}

describe('in Ethernet frames', () => {
  scenario(
    'pings and datagrams are answered, fragments included',
    (h) => {
      h.stack.onEcho = (request) => request.reply();
      h.stack.onUdp = (datagram) => datagram.reply(stream(0, 2000));
      h.receive(icmpv6Frame(128, 0, 1, stream(0, 56)));
      h.receive(udpFrame(stream(0, 4)));
      h.receive(udpFrame(stream(0, 4), { source: GUEST6, destination: SERVICE6 }));
      expect(h.frames().map(({ protocol, packet }) => [protocol, packet.length])).toEqual([
        [58, 104],
        [17, 1500],
        [17, 548],
        [44, 1496],
        [44, 608],
      ]);
    },
    ETHERNET,
  );

  scenario(
    'what is not IP, or says it is another version, is dropped',
    (h) => {
      const frame = udpFrame(stream(0, 40));
      for (const type of [0x0806, 0x8100, 0x86dd, 0]) h.receiveFrame(withEthernet(frame, type));
      h.receiveFrame(withEthernet(frame).subarray(0, 24));
      const fromGroup = withEthernet(frame);
      fromGroup[10 + 6] |= 1;
      h.receiveFrame(fromGroup);
      expect(h.stack.counters).toMatchObject({
        etherTypeUnknown: 4,
        etherSourceBad: 1,
        frameTooShort: 1,
        udpIn: 0,
      });
    },
    ETHERNET,
  );

  scenario(
    'the padding of a short frame is no data',
    (h) => {
      h.receive(concat(tcpFrame({ sequence: 0, flags: 2 }), new Uint8Array(6)));
      h.request().accept();
      h.poll();
      h.sends('SA mss=1460');
    },
    ETHERNET,
  );

  scenario(
    'an answer goes to where its question came from, and all else to whom was heard last',
    (h) => {
      const from = { address: '10.0.1.1', port: 1 };
      const to = { address: '10.0.1.2', port: 2 };
      const stations = (): number[] => h.device.frames.splice(0).map((frame) => frame[10 + 5]);
      h.stack.sendUdp(from, to, stream(0, 1));
      expect(stations()).toEqual([2]);
      const seen: UdpDatagram[] = [];
      h.stack.onUdp = (datagram) => seen.push(datagram);
      for (const station of [7, 8]) {
        const frame = withEthernet(udpFrame(stream(0, 4)));
        frame[10 + 11] = station;
        h.receiveFrame(frame);
      }
      for (const datagram of seen) datagram.reply(stream(0, 1));
      h.stack.sendUdp(from, to, stream(0, 1));
      expect(stations()).toEqual([7, 8, 8]);
    },
    ETHERNET,
  );
});
