/**
 * The whole input path under fire: whatever comes in, nothing throws, nothing
 * answers without end, and every bound holds.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PcapngWriter, type TcpConnection, TraceObserver } from '../../../stack/index.ts';
import { Harness, writeStream } from '../harness/harness.ts';
import {
  GUEST6,
  icmpFrame,
  icmpv6Frame,
  ipv4Frame,
  ipv6Frame,
  naiveChecksum,
  SERVICE6,
  stream,
  tcpFrame,
  udpFrame,
  withEthernet,
} from '../harness/packets.ts';

const near = fc.oneof(
  fc.integer({ min: -5, max: 300 }),
  fc.constantFrom(-70_000, 65_535, 2 ** 31 - 1, -(2 ** 31)),
);

const action = fc.oneof(
  {
    weight: 20,
    arbitrary: fc.record({
      kind: fc.constant('segment' as const),
      flags: fc.integer({ min: 0, max: 0x3f }),
      seq: near,
      ack: near,
      window: fc.constantFrom(0, 1, 100, 502, 65_535),
      length: fc.constantFrom(0, 0, 1, 10, 100, 1460),
      port: fc.constantFrom(1, 2),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('advance' as const), ms: fc.constantFrom(1, 50, 300, 20_000) }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('call' as const),
      call: fc.constantFrom(
        'accept',
        'refuse',
        'write',
        'read',
        'release',
        'finish',
        'reset',
        'full',
        'writable',
      ),
      which: fc.nat(5),
    }),
  },
);

type Call = Extract<typeof action extends fc.Arbitrary<infer A> ? A : never, { kind: 'call' }>;

function apply(h: Harness, open: TcpConnection[], { call, which }: Call): void {
  const connection = open[which % Math.max(1, open.length)];
  if (call === 'accept' && h.requests.length > 0) {
    const request = h.request();
    if (request.pending) open.push(request.accept());
  } else if (call === 'refuse' && h.requests.length > 0) {
    h.request().refuse();
  } else if (call === 'full') {
    h.device.room = which;
  } else if (call === 'writable') {
    h.device.room = Infinity;
    h.stack.deviceWritable(h.nowMs);
  } else if (connection !== undefined) {
    callConnection(connection, call);
  }
}

function callConnection(connection: TcpConnection, call: string): void {
  if (call === 'reset') connection.reset();
  else if (call === 'finish') connection.finish();
  else if (call === 'read') connection.release(connection.read()?.length ?? 0);
  else if (call === 'write') {
    try {
      writeStream(connection, 0, 200);
    } catch (error) {
      expect(error).toHaveProperty('message', 'write after finish');
    }
  }
}

const LINKS = [
  { ip: 4, framing: 'ip' },
  { ip: 6, framing: 'ip' },
  { ip: 4, framing: 'ethernet' },
  { ip: 6, framing: 'ethernet' },
] as const;

test.each(LINKS)('segments of any kind, in any order, with any calls in between: $ip $framing', (link) => {
  fc.assert(
    fc.property(fc.array(action, { maxLength: 120 }), (actions) => {
      const h = new Harness({
        ...link,
        limits: {
          receiveBufferBytes: 2000,
          receivePoolBytes: 4 * 65_536,
          maxRequests: 2,
          maxOutOfOrderRanges: 3,
        },
      });
      const open: TcpConnection[] = [];
      const closed = new Map<number, number>();
      for (const one of actions) {
        if (one.kind === 'segment') {
          h.receive(
            tcpFrame({
              sourcePort: one.port,
              sequence: (h.guestIsn + one.seq) | 0,
              acknowledgment: (h.stackIsn + one.ack) | 0,
              flags: one.flags,
              window: one.window,
              payload: stream(0, one.length),
              ...(link.ip === 6 ? { source: GUEST6, destination: SERVICE6 } : {}),
            }),
          );
          h.poll();
        } else if (one.kind === 'advance') {
          h.advance(one.ms);
        } else {
          const before = open.length;
          apply(h, open, one);
          const added = open[before];
          if (added !== undefined) {
            added.onClosed = () => closed.set(before, (closed.get(before) ?? 0) + 1);
          }
        }
        for (const frame of h.frames()) {
          if (frame.protocol === 6 && (frame.payload[13] & 2) !== 0) {
            h.stackIsn = new DataView(frame.payload.buffer, frame.payload.byteOffset).getInt32(4);
          }
        }
        for (const seen of h.stack.connections()) expect(seen.receiveHeldBytes).toBeLessThanOrEqual(2000);
      }
      h.device.room = Infinity;
      h.stack.deviceWritable(h.nowMs);
      for (const connection of open) connection.reset();
      h.poll();
      expect([...closed.values()].every((count) => count === 1)).toBe(true);
      expect([closed.size, [...h.stack.connections()].length]).toEqual([open.length, 0]);
    }),
    { numRuns: link.framing === 'ip' ? 300 : 60 },
  );
});

function fragmentHeader(next: number, start: number): Uint8Array {
  return Uint8Array.of(next, 0, 0, start | 1, 0, 0, 0, 1);
}

/** Where in a frame lies can be told: after that there is mere data. */
const HEADER_BYTES = 90;

/** So that a packet cut short gets past the first look at it. */
function fixLength(packet: Uint8Array): void {
  if (packet.length < 20) return;
  const isIpv4 = packet[0] >>> 4 === 4;
  const length = isIpv4 ? packet.length : packet.length - 40;
  if (length > 0) packet.set([length >>> 8, length & 255], isIpv4 ? 2 : 4);
}

/** Which nobody vouches for: a spoilt header would get no further than that. */
function fixIpv4Checksum(packet: Uint8Array): void {
  const headerLength = (packet[0] & 15) * 4;
  if (packet[0] >>> 4 !== 4 || headerLength < 20 || packet.length < headerLength) return;
  packet.set([0, 0], 10);
  const checksum = naiveChecksum(packet.subarray(0, headerLength));
  packet.set([checksum >>> 8, checksum & 255], 10);
}

test.each(['ip', 'ethernet'] as const)(
  'frames of any bytes, and good ones with bytes spoilt: %s',
  (framing) => {
    const ends = { source: GUEST6, destination: SERVICE6 };
    const good = [
      tcpFrame({ sequence: 1, flags: 2, options: [2, 4, 5, 180, 1, 3, 3, 7] }),
      udpFrame(stream(0, 60)),
      icmpFrame(8, 0, 1, stream(0, 30)),
      icmpFrame(3, 1, 0, udpFrame(stream(0, 8)).subarray(10)),
      icmpFrame(3, 4, 600, tcpFrame({ sequence: 1, flags: 16 }).subarray(10)),
      ipv4Frame({ protocol: 17, fragment: 0x2001, payload: stream(0, 64) }),
      tcpFrame({ ...ends, sequence: 1, flags: 2, options: [2, 4, 5, 180, 1, 3, 3, 7] }),
      udpFrame(stream(0, 60), ends),
      icmpv6Frame(128, 0, 1, stream(0, 30)),
      icmpv6Frame(2, 0, 1300, udpFrame(stream(0, 8), ends).subarray(10)),
      ipv6Frame({ protocol: 44, options: fragmentHeader(17, 0), payload: stream(0, 64) }),
      ipv6Frame({ protocol: 44, options: fragmentHeader(60, 64), payload: stream(0, 64) }),
      ipv6Frame({ protocol: 0, options: Uint8Array.of(43, 0, 5, 2, 0, 0, 1, 0), payload: stream(0, 64) }),
    ].map((frame) => (framing === 'ethernet' ? withEthernet(frame) : frame));
    // Small numbers and ends of ranges in any byte of the headers; now and then a frame cut short.
    const value = fc.oneof(fc.constantFrom(0, 1, 2, 4, 7, 8, 59, 60, 127, 128, 255), fc.nat(255));
    const spoilt = fc
      .tuple(
        fc.constantFrom(...good),
        fc.array(fc.tuple(fc.nat(HEADER_BYTES - 1), value), { maxLength: 3 }),
        fc.option(fc.nat(140), { freq: 2, nil: Infinity }),
        fc.boolean(),
      )
      .map(([frame, edits, length, saysSo]) => {
        const copy = frame.slice(0, length);
        for (const [at, value] of edits) if (at < copy.length) copy[at] = value;
        // The kernel vouches for the checksums, so that spoilt headers get past them.
        if (copy.length > 0) copy[0] |= 2;
        const packet = copy.subarray(framing === 'ethernet' ? 24 : 10);
        if (saysSo) fixLength(packet);
        fixIpv4Checksum(packet);
        return copy;
      });
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.uint8Array({ maxLength: 100 }), spoilt), { maxLength: 40 }),
        (frames) => {
          const lines: string[] = [];
          const observers = [
            new TraceObserver((line) => lines.push(line), framing),
            new PcapngWriter((bytes) => expect(bytes.length % 4).toBe(0), { framing }),
          ];
          const h = new Harness({ framing, observers });
          // What lies around a frame has no say: nothing is read past its end.
          const twin = new Harness({ framing, surroundings: 0x04 });
          for (const { stack } of [h, twin]) {
            stack.onUdp = (datagram) => datagram.reply(datagram.payload);
            stack.onEcho = (request) => request.reply();
          }
          for (const frame of frames) {
            const before = h.stack.counters.framesOut;
            h.receiveFrame(frame);
            h.poll();
            twin.receiveFrame(frame);
            twin.poll();
            expect(h.stack.counters.framesOut - before).toBeLessThanOrEqual(2);
          }
          expect(h.stack.counters.framesIn).toBe(frames.length);
          expect(twin.stack.counters).toEqual(h.stack.counters);
          expect(twin.device.frames).toEqual(h.device.frames);
          expect(lines).toHaveLength(h.stack.counters.framesIn + h.stack.counters.framesOut);
        },
      ),
      { numRuns: 300 },
    );
  },
);
