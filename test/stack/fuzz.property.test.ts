/**
 * The whole input path under fire: whatever comes in, nothing throws, nothing
 * answers without end, and every bound holds.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { TcpConnection } from '../../stack/index.ts';
import { Harness, writeStream } from './harness/harness.ts';
import { icmpFrame, ipv4Frame, stream, tcpFrame, udpFrame } from './harness/packets.ts';

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

test('segments of any kind, in any order, with any calls in between', () => {
  fc.assert(
    fc.property(fc.array(action, { maxLength: 120 }), (actions) => {
      const h = new Harness({
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
            h.stackIsn = new DataView(frame.packet.buffer, frame.packet.byteOffset).getInt32(24);
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
    { numRuns: 300 },
  );
});

test('frames of any bytes, and good ones with bytes spoilt', () => {
  const good = [
    tcpFrame({ sequence: 1, flags: 2, options: [2, 4, 5, 180, 1, 3, 3, 7] }),
    udpFrame(stream(0, 60)),
    icmpFrame(8, 0, 1, stream(0, 30)),
    icmpFrame(3, 1, 0, udpFrame(stream(0, 8)).subarray(10)),
    ipv4Frame({ protocol: 17, fragment: 0x2001, payload: stream(0, 64) }),
  ];
  const spoilt = fc
    .tuple(
      fc.constantFrom(...good),
      fc.array(fc.tuple(fc.nat(120), fc.nat(255)), { maxLength: 4 }),
      fc.nat(140),
    )
    .map(([frame, edits, length]) => {
      const copy = frame.slice(0, length);
      for (const [at, value] of edits) if (at < copy.length) copy[at] = value;
      // The kernel vouches for the checksums, so that spoilt headers get past them.
      if (copy.length > 0) copy[0] |= 2;
      return copy;
    });
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.uint8Array({ maxLength: 100 }), spoilt), { maxLength: 40 }),
      (frames) => {
        const h = new Harness();
        h.stack.onUdp = (datagram) => datagram.reply(datagram.payload);
        h.stack.onEcho = (request) => request.reply();
        for (const frame of frames) {
          const before = h.stack.counters.framesOut;
          h.receive(frame);
          h.poll();
          expect(h.stack.counters.framesOut - before).toBeLessThanOrEqual(2);
        }
        expect(h.stack.counters.framesIn).toBe(frames.length);
      },
    ),
    { numRuns: 300 },
  );
});
