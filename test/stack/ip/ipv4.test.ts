import { describe, expect } from 'vitest';
import type { UdpDatagram } from '../../../stack/index.ts';
import { type Harness, scenario } from '../harness/harness.ts';
import { ipv4Frame, SERVICE, stream, udpDatagram, udpFrame } from '../harness/packets.ts';

function udpPayloads(h: Harness): Uint8Array[] {
  const payloads: Uint8Array[] = [];
  h.stack.onUdp = (datagram: UdpDatagram) => payloads.push(datagram.payload.slice());
  return payloads;
}

function spoilt(frame: Uint8Array, offset: number, value: number): Uint8Array {
  const copy = frame.slice();
  copy[10 + offset] = value;
  return copy;
}

describe('IPv4 in', () => {
  scenario('drops what is no packet, each by its counter', (h) => {
    const good = udpFrame(stream(0, 10));
    h.receive(good.subarray(0, 10));
    h.receive(good.subarray(0, 29));
    h.receive(good.subarray(0, 40));
    h.receive(spoilt(good, 0, 0x44));
    h.receive(spoilt(good, 0, 0x4f));
    h.receive(spoilt(good, 0, 0x15));
    h.receive(spoilt(good, 8, 99));
    expect(h.stack.counters).toMatchObject({
      frameTooShort: 2,
      ipHeaderBad: 3,
      ipVersionUnknown: 1,
      ipChecksumBad: 1,
      udpIn: 0,
    });
  });

  scenario('drops what comes from or goes to more than one host', (h) => {
    const payload = new Uint8Array(8);
    for (const source of ['224.0.0.1', '255.255.255.255', '127.0.0.1', '0.0.0.0', '240.1.1.1']) {
      h.receive(ipv4Frame({ source, protocol: 17, payload }));
    }
    for (const destination of ['224.0.0.251', '255.255.255.255', '0.0.0.0']) {
      h.receive(ipv4Frame({ destination, protocol: 17, payload }));
    }
    expect(h.stack.counters).toMatchObject({ ipSourceBad: 5, ipDestinationNotUnicast: 3, udpIn: 0 });
  });

  scenario('skips options, and padding behind the packet', (h) => {
    const payloads = udpPayloads(h);
    const payload = udpDatagram(stream(0, 20), SERVICE, 1, 2);
    const frame = ipv4Frame({ protocol: 17, payload, options: Uint8Array.of(1, 1, 1, 0) });
    const padded = new Uint8Array(frame.length + 7);
    padded.set(frame);
    h.receive(padded);
    expect(payloads).toEqual([stream(0, 20)]);
  });

  scenario('answers an unknown protocol by ICMP', (h) => {
    h.receive(ipv4Frame({ protocol: 132, payload: new Uint8Array(12) }));
    const [frame] = h.frames();
    expect([frame.protocol, frame.payload[0], frame.payload[1]]).toEqual([1, 3, 2]);
  });
});

function largeFragment(identification: number, start: number): Uint8Array {
  const fragment = 0x2000 | (start / 8);
  return ipv4Frame({ protocol: 17, identification, fragment, payload: new Uint8Array(1400) });
}

describe('fragments', () => {
  const whole = udpDatagram(stream(0, 3000), SERVICE, 4000, 53);
  const cuts = [0, 1000, 2000, whole.length];

  function fragment(index: number, identification = 9, from = cuts[index], to = cuts[index + 1]): Uint8Array {
    const more = to < whole.length ? 0x2000 : 0;
    return ipv4Frame({
      protocol: 17,
      identification,
      fragment: more | (from / 8),
      payload: whole.subarray(from, to),
    });
  }

  for (const order of ['012', '210', '102', '0012', '20101']) {
    scenario(`in the order ${order} become a datagram`, (h) => {
      const payloads = udpPayloads(h);
      for (const index of order) h.receive(fragment(Number(index)));
      expect(payloads).toEqual([stream(0, 3000)]);
      expect(h.stack.counters.udpChecksumBad).toBe(0);
    });
  }

  scenario('of two datagrams at once are kept apart', (h) => {
    const payloads = udpPayloads(h);
    for (const index of [0, 2, 1]) {
      h.receive(fragment(index, 1));
      h.receive(fragment(index, 2));
    }
    expect(payloads).toHaveLength(2);
  });

  scenario('that overlap drop the datagram', (h) => {
    const payloads = udpPayloads(h);
    h.receive(fragment(0));
    h.receive(fragment(1, 9, 800, 2000));
    h.receive(fragment(2));
    // The overlapping fragment, and the one that would have made a whole without it.
    expect([payloads, h.stack.counters.fragmentOverlap]).toEqual([[], 2]);
  });

  scenario('beyond the end, or of a length that cannot be, drop it too', (h) => {
    h.receive(fragment(2));
    h.receive(
      ipv4Frame({ protocol: 17, identification: 9, fragment: 0x2000 | 400, payload: new Uint8Array(80) }),
    );
    h.receive(ipv4Frame({ protocol: 17, identification: 5, fragment: 0x2000, payload: new Uint8Array(81) }));
    h.receive(ipv4Frame({ protocol: 17, identification: 6, fragment: 0x1fff, payload: new Uint8Array(81) }));
    expect(h.stack.counters.fragmentBad).toBe(3);
  });

  scenario(
    'are given up after a time, and the oldest for a new one',
    (h) => {
      const payloads = udpPayloads(h);
      h.receive(fragment(0, 1));
      h.receive(fragment(0, 2));
      h.receive(fragment(0, 3));
      expect(h.stack.counters.fragmentEvicted).toBe(1);
      h.advance(60_000);
      expect([h.stack.counters.fragmentTimeout, h.stack.pollAt()]).toEqual([2, Infinity]);
      // Each with its first fragment, which the answer quotes.
      expect(h.frames().map(({ payload }) => [payload[0], payload[1]])).toEqual([
        [11, 1],
        [11, 1],
      ]);
      h.receive(fragment(1, 2));
      h.receive(fragment(2, 2));
      expect(payloads).toEqual([]);
    },
    { limits: { maxFragmentedDatagrams: 2 } },
  );

  scenario(
    'hold no more memory than they may: the oldest makes room',
    (h) => {
      for (let i = 0; i < 3; i++) h.receive(largeFragment(i, 0));
      expect(h.stack.counters.fragmentEvicted).toBe(0);
      h.receive(largeFragment(2, 40_000));
      expect(h.stack.counters.fragmentEvicted).toBe(2);
      h.advance(60_000);
      expect([h.frames().length, h.stack.counters.fragmentTimeout]).toEqual([1, 1]);
    },
    { limits: { maxFragmentBytes: 69_000 } },
  );
});
