import { describe, expect } from 'vitest';
import { drain, scenario, writeStream } from '../harness/harness.ts';
import { GUEST, SERVICE, tcpFrame } from '../harness/packets.ts';

const OFFLOAD = { maxPacket: 65_535, limits: { initialWindowSegments: 100 } };

describe('segmentation offload', () => {
  scenario(
    'out: one frame of whole segments, told to be cut',
    (h) => {
      const connection = h.establish({ window: 4000 });
      writeStream(connection, 0, 100_000);
      h.poll();
      const frames = h.frames();
      expect(
        frames.map(({ offload, payload }) => [offload.gsoType, offload.gsoSize, payload.length - 20]),
      ).toEqual([
        [1, 1460, 64_240],
        [1, 1460, 35_760],
      ]);
      expect(frames[0].offload).toMatchObject({
        needsChecksum: true,
        headerLength: 40,
        checksumStart: 20,
        checksumOffset: 16,
      });
      h.guest('A seq=1 ack=100001 win=4000');
    },
    OFFLOAD,
  );

  scenario(
    'out: a single segment is not marked',
    (h) => {
      const connection = h.establish();
      writeStream(connection, 0, 1460);
      h.poll();
      h.sends('PA seq=1 len=1460 gso=0');
      h.guest('A seq=1 ack=1461');
    },
    OFFLOAD,
  );

  scenario(
    'out: the window cuts at a whole segment',
    (h) => {
      const connection = h.establish({ ws: null, window: 60_000 });
      writeStream(connection, 0, 100_000);
      h.poll();
      h.sends('A seq=1 len=29200 gso=1460', 'A seq=29201 len=29200 gso=1460', 'A seq=58401 len=1460 gso=0');
    },
    OFFLOAD,
  );

  scenario('out: without it no packet is larger than the mtu', (h) => {
    const connection = h.establish({ window: 4000 });
    writeStream(connection, 0, 3000);
    h.poll();
    h.sends('A seq=1 len=1460 gso=0', 'A seq=1461 len=1460 gso=0', 'PA seq=2921 len=80 gso=0');
    h.guest('A seq=1 ack=3001 win=4000');
  });

  scenario(
    'in: 64 KiB in one frame, its checksum unfinished, are acknowledged at once',
    (h) => {
      const connection = h.establish();
      h.guestOffload('PA seq=1 ack=1 len=64240', { needsChecksum: true, gsoType: 1, gsoSize: 1460 });
      h.sends('A ack=64241');
      expect(drain(connection, 0)).toBe(64_240);
    },
    OFFLOAD,
  );

  scenario('in: with the ECN bit beside the type', (h) => {
    const connection = h.establish();
    h.guestOffload('PA seq=1 ack=1 len=2920', { needsChecksum: true, gsoType: 0x81, gsoSize: 1460 });
    h.sends('A ack=2921');
    expect(drain(connection, 0)).toBe(2920);
  });

  scenario('in: of another kind is dropped', (h) => {
    h.receive(tcpFrame({ sequence: 0, flags: 2 }, { gsoType: 3, gsoSize: 1460 }));
    expect(h.stack.counters.offloadUnknown).toBe(1);
  });
});

describe('without checksum offload', () => {
  for (const ip of [4, 6] as const) {
    scenario(
      `checksums are complete and frames no larger than the mtu, IPv${ip}`,
      (h) => {
        const connection = h.establish({ sack: true, ts: 0 });
        // Odd pieces: what begins at an odd place is added up with its bytes exchanged.
        for (const [at, length] of [
          [0, 1],
          [1, 3],
          [4, 1001],
          [1005, 2],
        ] as const) {
          writeStream(connection, at, length);
        }
        h.poll();
        const [{ offload, payload }] = h.frames();
        expect([offload.needsChecksum, offload.gsoType, payload.length - 32]).toEqual([false, 0, 1007]);
        writeStream(connection, 1007, 4000);
        h.poll();
        expect(h.frames().map((frame) => frame.packet.length <= 1500 && frame.offload.gsoType === 0)).toEqual(
          [true, true, true],
        );
        connection.reset();
        h.poll();
        h.sends('RA');
      },
      { ip, checksumOffload: false, maxPacket: 65_535 },
    );
  }

  scenario(
    'a UDP checksum of 0 is written as its twin, since 0 would say that there is none',
    (h) => {
      const from = { address: SERVICE, port: 53 };
      const to = { address: GUEST, port: 4000 };
      const checksumOf = (payload: Uint8Array): number => {
        expect(h.stack.sendUdp(from, to, payload)).toBe(true);
        const [frame] = h.frames();
        expect(frame.offload.needsChecksum).toBe(false);
        return frame.payload[6] * 256 + frame.payload[7];
      };
      const unpaid = checksumOf(Uint8Array.of(0, 0));
      expect(checksumOf(Uint8Array.of(unpaid >>> 8, unpaid & 255))).toBe(0xffff);
    },
    { checksumOffload: false },
  );
});

describe('TCP checksums', () => {
  scenario('wrong: dropped and counted', (h) => {
    h.receive(tcpFrame({ sequence: 0, flags: 2, badChecksum: true }));
    expect([h.stack.counters.tcpChecksumBad, h.requests]).toEqual([1, []]);
  });

  scenario('wrong, but the kernel says it has looked', (h) => {
    h.receive(tcpFrame({ sequence: 0, flags: 2, badChecksum: true }, { dataValid: true }));
    expect(h.requests).toHaveLength(1);
  });
});

describe('a full device', () => {
  scenario('holds TCP back until it has room, and no timer runs wild meanwhile', (h) => {
    const connection = h.establish();
    h.device.room = 1;
    writeStream(connection, 0, 4000);
    h.poll();
    h.sends('A seq=1 len=1460');
    expect(h.stack.pollAt()).toBeGreaterThan(h.nowMs);
    h.advance(100);
    h.sends();
    h.device.room = Infinity;
    h.stack.deviceWritable(h.nowMs);
    h.sends('A seq=1461 len=1460', 'PA seq=2921 len=1080');
    h.guest('A seq=1 ack=4001');
  });

  scenario(
    'holds a bounded number of datagrams, which go first later',
    (h) => {
      const connection = h.establish();
      h.device.room = 0;
      const from = { address: '10.0.1.1', port: 53 };
      const to = { address: '10.0.1.2', port: 9999 };
      const sent = [1, 2, 3].map((byte) => h.stack.sendUdp(from, to, Uint8Array.of(byte)));
      expect(sent).toEqual([true, true, false]);
      expect(h.stack.counters.outboxDropped).toBe(1);
      writeStream(connection, 0, 5);
      h.poll();
      h.device.room = Infinity;
      h.stack.deviceWritable(h.nowMs);
      const frames = h.frames();
      expect(frames.map((frame) => [frame.protocol, frame.payload.at(-1)])).toEqual([
        [17, 1],
        [17, 2],
        [6, 124],
      ]);
      h.guest('A seq=1 ack=6');
    },
    { limits: { maxOutboxFrames: 2 } },
  );
});
