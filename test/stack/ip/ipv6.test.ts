/** RFC 8200, as packets: what is skipped, what is refused, and what of it is told. */
import { describe, expect } from 'vitest';
import type { UdpDatagram } from '../../../stack/index.ts';
import { type Harness, scenario } from '../harness/harness.ts';
import {
  concat,
  expectBytes,
  GUEST6,
  icmpv6Frame,
  icmpv6Message,
  ipv6Frame,
  naiveChecksum,
  pseudoHeader,
  SERVICE6,
  stream,
  udpDatagram,
  udpFrame,
} from '../harness/packets.ts';

const ENDS = { source: GUEST6, destination: SERVICE6 };
const datagram = udpDatagram(stream(0, 20), SERVICE6, 4000, 53, GUEST6);

/** An options header: pads what it is given to a multiple of eight bytes. */
function options(next: number, bytes: number[]): Uint8Array {
  const padded = [next, 0, ...bytes];
  while (padded.length % 8 !== 0) padded.push(0);
  padded[1] = padded.length / 8 - 1;
  return Uint8Array.from(padded);
}

function fragmentHeader(next: number, start: number, more: boolean, identification = 9): number[] {
  return [next, 0, start >>> 8, (start & 0xf8) | (more ? 1 : 0), 0, 0, 0, identification];
}

function udpPayloads(h: Harness): Uint8Array[] {
  const payloads: Uint8Array[] = [];
  h.stack.onUdp = (datagram: UdpDatagram) => payloads.push(datagram.payload.slice());
  return payloads;
}

/** An ICMPv6 error that the stack sent: type, code, the header's last word, and what it quotes. */
function error(h: Harness): { type: number; code: number; rest: number; quote: Uint8Array } {
  const [frame, ...others] = h.frames();
  expect([others, frame.protocol, frame.source, frame.destination]).toEqual([[], 58, SERVICE6, GUEST6]);
  const { payload } = frame;
  const pseudo = pseudoHeader(SERVICE6, GUEST6, 58, payload.length);
  expect(naiveChecksum(concat(pseudo, payload))).toBe(0);
  const rest = new DataView(payload.buffer, payload.byteOffset).getUint32(4);
  return { type: payload[0], code: payload[1], rest, quote: payload.subarray(8) };
}

describe('IPv6 in', () => {
  scenario('drops what is no packet, each by its counter', (h) => {
    const good = ipv6Frame({ protocol: 17, payload: datagram });
    const long = good.slice();
    long[10 + 5] += 1;
    h.receive(good.subarray(0, 49));
    h.receive(long);
    expect(h.stack.counters).toMatchObject({ frameTooShort: 1, ipHeaderBad: 1, udpIn: 0 });
  });

  scenario('drops what comes from or goes to more than one host', (h) => {
    const payload = new Uint8Array(8);
    for (const source of ['::', '::1', 'ff02::1', '::ffff:a00:1']) {
      h.receive(ipv6Frame({ source, protocol: 17, payload }));
    }
    for (const destination of ['ff02::2', '::', '::1', '::ffff:a00:1']) {
      h.receive(ipv6Frame({ destination, protocol: 17, payload }));
    }
    expect(h.stack.counters).toMatchObject({ ipSourceBad: 4, ipDestinationNotUnicast: 4, udpIn: 0 });
  });

  scenario('answers an unknown next header by a parameter problem that points at it', (h) => {
    h.receive(ipv6Frame({ protocol: 60, options: options(132, []), payload: new Uint8Array(12) }));
    expect(error(h)).toMatchObject({ type: 4, code: 1, rest: 40 });
    h.receive(ipv6Frame({ protocol: 1, payload: new Uint8Array(12) }));
    expect(error(h)).toMatchObject({ type: 4, code: 1, rest: 6 });
    h.receive(ipv6Frame({ protocol: 59, payload: new Uint8Array(12) }));
    expect(h.stack.counters).toMatchObject({ ipProtocolUnknown: 2, ipNoNextHeader: 1 });
  });
});

describe('extension headers', () => {
  scenario('are skipped: options that allow it, a routing header at its end', (h) => {
    const payloads = udpPayloads(h);
    const chain = concat(
      options(43, [5, 2, 0, 0, 1, 0]),
      [60, 0, 0, 0, 0, 0, 0, 0],
      options(17, [0x3e, 3, 1, 2, 3]),
    );
    h.receive(ipv6Frame({ protocol: 0, options: chain, payload: datagram }));
    expect(payloads).toEqual([stream(0, 20)]);
  });

  scenario('with an unknown option: its two high bits decide', (h) => {
    for (const type of [0x5e, 0x9e, 0xde]) {
      h.receive(ipv6Frame({ protocol: 60, options: options(17, [0, type, 1, 7]), payload: datagram }));
      if (type === 0x5e) h.sends();
      else expect(error(h)).toMatchObject({ type: 4, code: 2, rest: 43 });
    }
    expect(h.stack.counters).toMatchObject({ ipHeaderRefused: 3, udpIn: 0 });
  });

  scenario('with segments left are refused, as hop-by-hop options are anywhere but first', (h) => {
    h.receive(
      ipv6Frame({ protocol: 43, options: Uint8Array.of(17, 0, 0, 1, 0, 0, 0, 0), payload: datagram }),
    );
    expect(error(h)).toMatchObject({ type: 4, code: 0, rest: 42 });
    const chain = concat(options(0, []), options(17, []));
    h.receive(ipv6Frame({ protocol: 60, options: chain, payload: datagram }));
    expect(error(h)).toMatchObject({ type: 4, code: 1, rest: 40 });
  });

  scenario('that reach past the packet, or are too many, are dropped', (h) => {
    const tooLong = options(17, []);
    tooLong[1] = 9;
    h.receive(ipv6Frame({ protocol: 60, options: tooLong, payload: datagram }));
    h.receive(ipv6Frame({ protocol: 60, options: options(17, [1, 9]), payload: datagram }));
    h.receive(ipv6Frame({ protocol: 60, payload: Uint8Array.of(17, 0, 0, 0) }));
    const chain = concat(...Array.from({ length: 9 }, (_, i) => options(i === 8 ? 17 : 60, [])));
    h.receive(ipv6Frame({ protocol: 60, options: chain, payload: datagram }));
    expect(h.stack.counters).toMatchObject({ ipHeaderBad: 4, udpIn: 0 });
  });
});

describe('IPv6 fragments', () => {
  const whole = udpDatagram(stream(0, 3000), SERVICE6, 4000, 53, GUEST6);
  const cuts = [0, 1000, 2000, whole.length];

  function fragment(index: number, identification = 9, from = cuts[index], to = cuts[index + 1]): Uint8Array {
    const header = fragmentHeader(17, from, to < whole.length, identification);
    return ipv6Frame({ protocol: 44, options: Uint8Array.from(header), payload: whole.subarray(from, to) });
  }

  for (const order of ['012', '210', '102', '0012', '20101']) {
    scenario(`in the order ${order} become a packet`, (h) => {
      const payloads = udpPayloads(h);
      for (const index of order) h.receive(fragment(Number(index)));
      expect(payloads).toEqual([stream(0, 3000)]);
    });
  }

  scenario('with headers before and behind the fragment header', (h) => {
    const payloads = udpPayloads(h);
    const part = concat(options(17, [0x3e, 1, 0]), whole);
    for (const [from, to] of [
      [0, 1600],
      [1600, part.length],
    ]) {
      const chain = concat(options(44, [5, 2, 0, 0]), fragmentHeader(60, from, to < part.length));
      h.receive(ipv6Frame({ protocol: 0, options: chain, payload: part.subarray(from, to) }));
    }
    expect(payloads).toEqual([stream(0, 3000)]);
  });

  scenario('atomic: a packet by itself, whatever else is on its way', (h) => {
    const payloads = udpPayloads(h);
    h.receive(fragment(0));
    const atomic = Uint8Array.from(fragmentHeader(17, 0, false));
    h.receive(ipv6Frame({ protocol: 44, options: atomic, payload: datagram }));
    h.receive(fragment(1));
    h.receive(fragment(2));
    expect(payloads).toEqual([stream(0, 20), stream(0, 3000)]);
  });

  scenario('that overlap end the packet, and what comes of it later', (h) => {
    const payloads = udpPayloads(h);
    h.receive(fragment(0));
    h.receive(fragment(1, 9, 800, 2000));
    for (const index of [0, 1, 2]) h.receive(fragment(index));
    expect([payloads, h.stack.counters.fragmentOverlap]).toEqual([[], 4]);
    h.advance(60_000);
    h.sends();
  });

  scenario('of a length that cannot be are answered', (h) => {
    const odd = Uint8Array.from(fragmentHeader(17, 0, true));
    h.receive(ipv6Frame({ protocol: 44, options: odd, payload: whole.subarray(0, 1001) }));
    expect(error(h)).toMatchObject({ type: 4, code: 0, rest: 4 });
    // Data that would be an error's type, were it a header.
    const far = Uint8Array.from(fragmentHeader(58, 65_528, false));
    h.receive(ipv6Frame({ protocol: 44, options: far, payload: Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0) }));
    expect(error(h)).toMatchObject({ type: 4, code: 0, rest: 42 });
    expect(h.stack.counters.fragmentBad).toBe(2);
  });

  scenario('whose first hides what it carries are answered', (h) => {
    const first = Uint8Array.from(fragmentHeader(60, 0, true));
    h.receive(ipv6Frame({ protocol: 44, options: first, payload: Uint8Array.of(17, 1, 0, 0, 0, 0, 0, 0) }));
    expect(error(h)).toMatchObject({ type: 4, code: 3, rest: 0 });
  });

  scenario('are given up after a time, with an answer if the first has come', (h) => {
    h.receive(fragment(0, 1));
    h.receive(fragment(1, 2));
    h.advance(60_000);
    const seen = error(h);
    expect(seen).toMatchObject({ type: 3, code: 1 });
    expect(seen.quote).toEqual(fragment(0, 1).subarray(10));
    expect(h.stack.counters.fragmentTimeout).toBe(2);
  });
});

describe('UDP over IPv6', () => {
  scenario('comes in with its addresses, and is answered from them', (h) => {
    h.stack.onUdp = (datagram) => {
      expect([datagram.localAddress, datagram.remoteAddress]).toEqual([SERVICE6, GUEST6]);
      datagram.reply(stream(7, 40));
    };
    h.receive(udpFrame(stream(0, 32), ENDS));
    const [frame] = h.frames();
    expect([frame.source, frame.destination, frame.protocol]).toEqual([SERVICE6, GUEST6, 17]);
    expect(frame.offload).toMatchObject({ needsChecksum: true, checksumStart: 40, checksumOffset: 6 });
    expect(frame.payload.subarray(8)).toEqual(stream(7, 40));
  });

  scenario('must have a checksum', (h) => {
    const payloads = udpPayloads(h);
    h.receive(udpFrame(stream(0, 9), { ...ENDS, checksum: 0 }));
    h.receive(udpFrame(stream(0, 9), { ...ENDS, checksum: 0x1234 }));
    expect(payloads).toEqual([]);
    expect(h.stack.counters).toMatchObject({ udpChecksumMissing: 1, udpChecksumBad: 1 });
  });

  scenario('larger than the mtu goes out in fragments with a complete checksum', (h) => {
    const from = { address: '2001:db8::8', port: 53 };
    expect(h.stack.sendUdp(from, { address: GUEST6, port: 7 }, stream(0, 4000))).toBe(true);
    const frames = h.frames();
    expect(frames.map(({ packet }) => [packet.length, packet[6], packet[40]])).toEqual([
      [1496, 44, 17],
      [1496, 44, 17],
      [1160, 44, 17],
    ]);
    expect(frames.map(({ packet }) => packet[42] * 256 + packet[43])).toEqual([1, 1448 | 1, 2896]);
    const whole = concat(...frames.map((frame) => frame.payload.subarray(8)));
    expect(whole.subarray(8)).toEqual(stream(0, 4000));
    expect(naiveChecksum(concat(pseudoHeader(from.address, GUEST6, 17, whole.length), whole))).toBe(0);
  });

  scenario('has as much as its length can say, and not more', (h) => {
    const from = { address: '2001:db8::8', port: 53 };
    const to = { address: GUEST6, port: 7 };
    expect(h.stack.sendUdp(from, to, stream(0, 65_527))).toBe(true);
    const whole = concat(...h.frames().map((frame) => frame.payload.subarray(8)));
    expectBytes(whole.subarray(8), stream(0, 65_527));
    expect(naiveChecksum(concat(pseudoHeader(from.address, GUEST6, 17, whole.length), whole))).toBe(0);
    expect(h.stack.sendUdp(from, to, stream(0, 65_528))).toBe(false);
  });

  scenario('takes no mixture of versions', (h) => {
    const to = { address: '10.0.0.1', port: 1 };
    expect(() => h.stack.sendUdp({ address: GUEST6, port: 1 }, to, stream(0, 1))).toThrow(
      'different versions',
    );
  });
});

describe('ICMPv6', () => {
  scenario('ping is answered with its own data', (h) => {
    h.stack.onEcho = (request) => request.reply();
    h.receive(icmpv6Frame(128, 0, 0x1234_0005, stream(0, 56)));
    const [frame] = h.frames();
    expect([frame.source, frame.destination, frame.protocol]).toEqual([SERVICE6, GUEST6, 58]);
    expect([...frame.payload.subarray(0, 2)]).toEqual([129, 0]);
    expect(naiveChecksum(concat(pseudoHeader(SERVICE6, GUEST6, 58, 64), frame.payload))).toBe(0);
    expect(frame.payload.subarray(4)).toEqual(concat([0x12, 0x34, 0, 5], stream(0, 56)));
  });

  scenario('of a wrong checksum or an unknown type is dropped', (h) => {
    const frame = icmpv6Frame(128, 0, 1, stream(0, 8));
    frame[frame.length - 1] ^= 1;
    h.receive(frame);
    h.receive(icmpv6Frame(133, 0, 0, stream(0, 8)));
    expect(h.stack.counters).toMatchObject({ icmpChecksumBad: 1, icmpTypeIgnored: 1, icmpEchoIn: 0 });
  });

  scenario('has a code for each reason, and quotes up to the least mtu', (h) => {
    const codes = { net: 0, 'admin-prohibited': 1, host: 3, port: 4 } as const;
    for (const reason of ['net', 'admin-prohibited', 'host', 'port'] as const) {
      h.stack.onUdp = (datagram) => datagram.unreachable(reason);
      const frame = udpFrame(stream(0, 1300), ENDS);
      h.receive(frame);
      const seen = error(h);
      expect(seen).toMatchObject({ type: 1, code: codes[reason], rest: 0 });
      expect(seen.quote).toEqual(frame.subarray(10, 10 + 1232));
    }
    h.stack.onUdp = (datagram) => datagram.tooBig(1400);
    h.receive(udpFrame(stream(0, 10), ENDS));
    expect(error(h)).toMatchObject({ type: 2, code: 0, rest: 1400 });
  });

  scenario('errors are not answered by errors', (h) => {
    const refused = options(58, [0x9e, 0]);
    for (const type of [1, 3, 137]) {
      const payload = icmpv6Message(type, 0, 0, stream(0, 60));
      h.receive(ipv6Frame({ protocol: 60, options: refused, payload }));
    }
    const first = Uint8Array.from(fragmentHeader(58, 0, true));
    const message = icmpv6Message(1, 0, 0, stream(0, 56));
    h.receive(ipv6Frame({ protocol: 44, options: first, payload: message }));
    h.advance(60_000);
    h.sends();
    expect(h.stack.counters).toMatchObject({ icmpErrorsUnsuitable: 4, fragmentTimeout: 1 });
    h.stack.onEcho = (request) => request.unreachable('host');
    h.receive(icmpv6Frame(128, 0, 1, stream(0, 8)));
    expect(error(h)).toMatchObject({ type: 1, code: 3 });
  });
});
