/** TCP over IPv6: where the version shows. All else is the same code, and tested over IPv4. */
import { describe, expect } from 'vitest';
import { drain, type HarnessOptions, scenario, writeStream } from '../harness/harness.ts';
import { GUEST, GUEST6, SERVICE6, tcpFrame } from '../harness/packets.ts';

const IPV6: HarnessOptions = { ip: 6 };

describe('TCP over IPv6', () => {
  scenario(
    'opens, moves bytes both ways, closes',
    (h) => {
      h.guest('S seq=0 win=64240 mss=1440 ws=7');
      const request = h.request();
      expect([request.localAddress, request.localPort]).toEqual([SERVICE6, 80]);
      expect([request.remoteAddress, request.remotePort]).toEqual([GUEST6, 40_000]);
      const connection = request.accept();
      h.poll();
      h.sends('SA seq=0 ack=1 mss=1440 ws=7');
      h.guest('PA seq=1 ack=1 len=100');
      expect(drain(connection, 0)).toBe(100);
      writeStream(connection, 0, 3000);
      connection.finish();
      h.poll();
      h.sends('A seq=1 ack=101', 'A seq=1 ack=101 len=1440', 'A seq=1441 len=1440', 'FPA seq=2881 len=120');
      h.guest('FA seq=101 ack=3002');
      h.sends('A seq=3002 ack=102');
      expect(connection.state).toBe('TIME-WAIT');
    },
    IPV6,
  );

  scenario(
    'is refused by RST, or by ICMPv6',
    (h) => {
      h.guest('S seq=0');
      h.request().refuse();
      h.sends('RA ack=1');
      h.guest('S seq=5');
      h.request().unreachable('admin-prohibited');
      const [frame] = h.frames();
      expect([frame.protocol, frame.payload[0], frame.payload[1]]).toEqual([58, 1, 1]);
      h.guest('A seq=9 ack=1');
      h.sends('R seq=1');
    },
    IPV6,
  );

  scenario(
    'without an MSS option segments carry 1220 bytes',
    (h) => {
      h.guest('S seq=0');
      const connection = h.request().accept();
      writeStream(connection, 0, 1300);
      h.poll();
      h.sends('SA ack=1 mss=1440');
      h.guest('A seq=1 ack=1 win=60000');
      h.sends('A seq=1 len=1220', 'PA seq=1221 len=80');
      h.guest('A seq=1 ack=1301 win=60000');
    },
    IPV6,
  );

  scenario(
    'is cut up by the device, and comes in uncut',
    (h) => {
      const connection = h.establish({ mss: 1440, window: 4000 });
      writeStream(connection, 0, 100_000);
      h.poll();
      const frames = h.frames();
      expect(
        frames.map(({ offload, payload }) => [offload.gsoType, offload.gsoSize, payload.length - 20]),
      ).toEqual([
        [4, 1440, 64_800],
        [4, 1440, 35_200],
      ]);
      expect(frames[0].offload).toMatchObject({ headerLength: 60, checksumStart: 40, checksumOffset: 16 });
      h.guest('A seq=1 ack=100001 win=4000');
      h.guestOffload('PA seq=1 ack=100001 len=64800', { needsChecksum: true, gsoType: 4, gsoSize: 1440 });
      h.sends('A ack=64801');
      expect(drain(connection, 0)).toBe(64_800);
    },
    { ...IPV6, maxPacket: 65_535, limits: { initialWindowSegments: 100 } },
  );

  scenario(
    'has its checksum verified where the kernel does not vouch for it',
    (h) => {
      const frame = h.segment('S seq=0', {});
      frame[10 + 39] ^= 1;
      h.receive(frame);
      expect([h.stack.counters.tcpChecksumBad, h.requests]).toEqual([1, []]);
    },
    IPV6,
  );

  scenario('and the same ports over IPv4 are two connections', (h) => {
    h.establish();
    h.receive(tcpFrame({ source: GUEST6, destination: SERVICE6, sequence: 7, flags: 2 }));
    h.request().accept();
    h.poll();
    h.sends('SA mss=1440');
    expect([...h.stack.connections()].map((seen) => seen.remoteAddress)).toEqual([GUEST, GUEST6]);
  });
});
