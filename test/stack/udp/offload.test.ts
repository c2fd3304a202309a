import { describe, expect } from 'vitest';
import type { UdpDatagram } from '../../../stack/index.ts';
import { type Harness, scenario } from '../harness/harness.ts';
import {
  concat,
  expectBytes,
  GUEST,
  GUEST6,
  SERVICE,
  SERVICE6,
  stream,
  udpFrame,
} from '../harness/packets.ts';

const UDP_L4 = 5;
const DEVICE = { maxPacket: 65_535, udpSegmentation: true };
const ENDS6 = { source: GUEST6, destination: SERVICE6 };

function datagramsIn(h: Harness): UdpDatagram[] {
  const seen: UdpDatagram[] = [];
  h.stack.onUdp = (datagram) => seen.push(datagram);
  return seen;
}

function of(...lengths: number[]): Uint8Array[] {
  return lengths.map((length) => stream(0, length));
}

/** What the stack sent: for each frame the size it is to be cut into, 0 for none, and its payload's length. */
function sizesOut(h: Harness): number[][] {
  return h.frames().map(({ offload, payload }) => [offload.gsoSize, payload.length - 8]);
}

describe('UDP segmentation offload, in', () => {
  for (const ends of [{}, ENDS6]) {
    scenario(`a frame of datagrams is cut apart, the last one smaller, ${ends === ENDS6 ? 6 : 4}`, (h) => {
      const seen: { bytes: Uint8Array; datagram: UdpDatagram }[] = [];
      h.stack.onUdp = (datagram) => seen.push({ bytes: datagram.payload.slice(), datagram });
      h.receive(udpFrame(stream(0, 2500), ends, { needsChecksum: true, gsoType: UDP_L4, gsoSize: 1200 }));
      expect(seen.map(({ bytes }) => bytes.length)).toEqual([1200, 1200, 100]);
      expectBytes(concat(...seen.map(({ bytes }) => bytes)), stream(0, 2500));
      expect(seen[2].datagram.reply(Uint8Array.of(1))).toBe(true);
      expect(h.frames()).toHaveLength(1);
    });
  }

  scenario('a frame that needs no cutting is a datagram', (h) => {
    const seen = datagramsIn(h);
    h.receive(udpFrame(stream(0, 100), {}, { needsChecksum: true, gsoType: UDP_L4, gsoSize: 100 }));
    expect(seen).toHaveLength(1);
  });

  scenario('an error about one of them quotes the frame they came in', (h) => {
    const seen = datagramsIn(h);
    const frame = udpFrame(stream(0, 300), {}, { needsChecksum: true, gsoType: UDP_L4, gsoSize: 100 });
    h.receive(frame);
    seen[1].unreachable('port');
    const [answer] = h.frames();
    expectBytes(answer.payload.subarray(8), frame.subarray(10));
  });

  scenario('with no size, or more datagrams than a kernel sends, nothing is taken', (h) => {
    const seen = datagramsIn(h);
    h.receive(udpFrame(stream(0, 300), {}, { needsChecksum: true, gsoType: UDP_L4 }));
    h.receive(udpFrame(stream(0, 300), {}, { needsChecksum: true, gsoType: UDP_L4, gsoSize: 2 }));
    expect(seen).toEqual([]);
    expect(h.stack.counters).toMatchObject({ offloadUnknown: 1, udpSegmentsTooMany: 1 });
  });
});

describe('UDP segmentation offload, out', () => {
  const from = { address: SERVICE, port: 53 };
  const to = { address: GUEST, port: 4000 };

  scenario(
    'datagrams of one size go in one frame, which the device cuts apart',
    (h) => {
      const payloads = [stream(0, 1200), stream(1200, 1200), stream(2400, 300)];
      expect(h.stack.sendUdpAll(from, to, payloads)).toBe(3);
      const [frame, ...more] = h.frames();
      expect(more).toEqual([]);
      expect(frame.offload).toMatchObject({
        needsChecksum: true,
        gsoType: UDP_L4,
        gsoSize: 1200,
        headerLength: 28,
        checksumStart: 20,
        checksumOffset: 6,
      });
      expect([...frame.payload.subarray(4, 6)]).toEqual([2708 >>> 8, 2708 & 255]);
      expectBytes(frame.payload.subarray(8), stream(0, 2700));
      expect(h.stack.counters).toMatchObject({ udpOut: 3, udpFramesJoined: 1 });
    },
    DEVICE,
  );

  scenario(
    'a larger one, an empty one, one to be fragmented and the bounds of a frame begin anew',
    (h) => {
      expect(h.stack.sendUdpAll(from, to, of(10, 10, 20, 20, 5, 20))).toBe(6);
      expect(sizesOut(h)).toEqual([
        [10, 20],
        [20, 45],
        [0, 20],
      ]);
      expect(h.stack.sendUdpAll(from, to, of(10, 0, 10, 10))).toBe(4);
      expect(sizesOut(h)).toEqual([
        [0, 10],
        [0, 0],
        [10, 20],
      ]);
      expect(h.stack.sendUdpAll(from, to, of(...Array.from({ length: 17 }, () => 10)))).toBe(17);
      expect(sizesOut(h)).toEqual([
        [10, 160],
        [0, 10],
      ]);
      expect(h.stack.sendUdpAll(from, to, of(2000, 2000))).toBe(2);
      expect(h.frames()).toHaveLength(4);
    },
    DEVICE,
  );

  scenario(
    'a frame is no larger than the device takes',
    (h) => {
      expect(h.stack.sendUdpAll(from, to, of(1000, 1000, 1000))).toBe(3);
      expect(sizesOut(h)).toEqual([
        [1000, 2000],
        [0, 1000],
      ]);
    },
    { maxPacket: 2500, udpSegmentation: true },
  );

  scenario('is for devices that say so: to others each goes by itself', (h) => {
    expect(h.stack.sendUdpAll(from, to, [stream(0, 10), stream(0, 10)])).toBe(2);
    expect(sizesOut(h)).toEqual([
      [0, 10],
      [0, 10],
    ]);
  });

  scenario(
    'answers may be many, and wait for a full device in one piece',
    (h) => {
      const seen = datagramsIn(h);
      h.receive(udpFrame(stream(0, 10)));
      h.device.room = 0;
      expect(seen[0].replyAll([stream(0, 30), stream(30, 30)])).toBe(2);
      h.device.room = Infinity;
      h.stack.deviceWritable(h.nowMs);
      const [frame] = h.frames();
      expect(frame.offload.gsoSize).toBe(30);
      expectBytes(frame.payload.subarray(8), stream(0, 60));
    },
    DEVICE,
  );
});
