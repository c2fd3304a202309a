/** Codecs against slow twins, in both byte orders. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatAddress, parseAddress } from '../../stack/ip/address.ts';
import { HalfSipHash } from '../../stack/tcp/numbers/isn.ts';
import { distance, isAfter, isBefore } from '../../stack/tcp/numbers/sequence.ts';
import { windowScaleFor } from '../../stack/tcp/segment/options.ts';
import { finishChecksum, pseudoHeaderSum, sumBytes, sumWords } from '../../stack/wire/checksum.ts';
import * as ethernet from '../../stack/wire/ethernet.ts';
import * as icmp from '../../stack/wire/icmp.ts';
import * as ipv4 from '../../stack/wire/ipv4.ts';
import * as ipv6 from '../../stack/wire/ipv6.ts';
import * as tcp from '../../stack/wire/tcp.ts';
import * as udp from '../../stack/wire/udp.ts';
import * as virtio from '../../stack/wire/virtio-net.ts';
import { concat, naiveChecksum } from './harness/packets.ts';

const u8 = fc.integer({ min: 0, max: 0xff });
const u16 = fc.integer({ min: 0, max: 0xffff });
const i32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });

describe('the checksum', () => {
  test('is that of the naive twin, at any offset and length', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(40), (bytes, before) => {
        const buffer = concat(new Uint8Array(before).fill(0xff), bytes, [0xff, 0xff]);
        expect(finishChecksum(sumBytes(buffer, before, bytes.length, 0))).toBe(naiveChecksum(bytes));
      }),
    );
  });

  test('adds up over spans', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(100), (bytes, cut) => {
        const at = Math.min(bytes.length & ~1, cut * 2);
        const first = sumBytes(bytes, 0, at, 0);
        expect(finishChecksum(sumBytes(bytes, at, bytes.length - at, first))).toBe(naiveChecksum(bytes));
      }),
    );
  });

  test('of 64 KiB of ones does not overflow', () => {
    const bytes = new Uint8Array(65_535).fill(0xff);
    expect(finishChecksum(sumBytes(bytes, 0, bytes.length, 0x1fffe))).toBe(naiveChecksum(bytes));
  });

  test('of the pseudo-header is that of its bytes', () => {
    fc.assert(
      fc.property(i32, i32, u8, u16, (source, destination, protocol, length) => {
        const bytes = new Uint8Array(12);
        const view = new DataView(bytes.buffer);
        view.setInt32(0, source);
        view.setInt32(4, destination);
        view.setUint8(9, protocol);
        view.setUint16(10, length);
        expect(finishChecksum(pseudoHeaderSum(sumWords([source, destination]), protocol, length))).toBe(
          naiveChecksum(bytes),
        );
      }),
    );
  });
});

describe('headers', () => {
  test('virtio-net is little-endian, written and read', () => {
    fc.assert(
      fc.property(u16, u16, u16, u16, fc.nat(5), (start, field, size, length, at) => {
        const buffer = new Uint8Array(20).fill(0xaa);
        virtio.writeVirtioChecksum(buffer, at, start, field);
        virtio.writeVirtioSegmentation(buffer, at, virtio.GSO_TCPV4, size, length);
        const view = new DataView(buffer.buffer, at, 10);
        expect([view.getUint8(0), view.getUint8(1)]).toEqual([1, 1]);
        const fields = [2, 4, 6, 8].map((offset) => view.getUint16(offset, true));
        expect(fields).toEqual([length, size, start, field]);
        expect([
          virtio.virtioFlags(buffer, at),
          virtio.virtioGsoType(buffer, at),
          virtio.virtioHeaderLength(buffer, at),
          virtio.virtioGsoSize(buffer, at),
          virtio.virtioChecksumStart(buffer, at),
          virtio.virtioChecksumOffset(buffer, at),
        ]).toEqual([1, 1, length, size, start, field]);
      }),
    );
  });

  test('IPv4 is big-endian, written and read, with a right checksum', () => {
    fc.assert(
      fc.property(u16, u16, u16, u8, i32, i32, (length, id, fragment, protocol, source, destination) => {
        const buffer = new Uint8Array(24).fill(0xaa);
        const addresses = [source, destination];
        ipv4.writeIpv4(buffer, 3, length, id, fragment, protocol, addresses, sumWords(addresses));
        const view = new DataView(buffer.buffer, 3, 20);
        expect(naiveChecksum(buffer.subarray(3, 23))).toBe(0);
        expect([2, 4, 6].map((offset) => view.getUint16(offset))).toEqual([length, id, fragment]);
        expect([view.getInt32(12), view.getInt32(16)]).toEqual([source, destination]);
        expect(ipv4.ipVersion(buffer, 3)).toBe(4);
        expect(ipv4.ipv4HeaderLength(buffer, 3)).toBe(20);
        expect(ipv4.ipv4TotalLength(buffer, 3)).toBe(length);
        expect(ipv4.ipv4Identification(buffer, 3)).toBe(id);
        expect(ipv4.ipv4MoreFragments(buffer, 3)).toBe((fragment & 0x2000) !== 0);
        expect(ipv4.ipv4FragmentOffset(buffer, 3)).toBe((fragment & 0x1fff) * 8);
        expect(ipv4.ipv4Protocol(buffer, 3)).toBe(protocol);
        expect(ipv4.ipv4HeaderChecksum(buffer, 3, 20)).toBe(0);
      }),
    );
  });

  test('TCP is big-endian, written and read', () => {
    fc.assert(
      fc.property(u16, u16, i32, i32, u8, u16, (source, destination, seq, ack, flags, window) => {
        const buffer = new Uint8Array(24).fill(0xaa);
        tcp.writeTcp(buffer, 2, source, destination, seq, ack, 32, flags, window, 0x1234);
        const view = new DataView(buffer.buffer, 2, 20);
        expect([view.getInt32(4), view.getInt32(8), view.getUint16(16)]).toEqual([seq, ack, 0x1234]);
        expect([tcp.sourcePort(buffer, 2), tcp.destinationPort(buffer, 2)]).toEqual([source, destination]);
        expect([tcp.tcpSequence(buffer, 2), tcp.tcpAcknowledgment(buffer, 2)]).toEqual([seq, ack]);
        expect([tcp.tcpHeaderLength(buffer, 2), tcp.tcpFlags(buffer, 2)]).toEqual([32, flags]);
        expect(tcp.tcpWindow(buffer, 2)).toBe(window);
      }),
    );
  });

  test('IPv6 is big-endian, written and read', () => {
    const words = fc.array(i32, { minLength: 8, maxLength: 8 });
    fc.assert(
      fc.property(
        u16,
        u8,
        words,
        fc.nat(8191),
        fc.boolean(),
        i32,
        (length, next, addresses, at, more, id) => {
          const buffer = new Uint8Array(60).fill(0xaa);
          ipv6.writeIpv6(buffer, 3, length, next, addresses);
          const view = new DataView(buffer.buffer, 3, 48);
          expect(view.getUint32(0)).toBe(0x6000_0000);
          expect([view.getUint16(4), view.getUint8(6), view.getUint8(7)]).toEqual([length, next, 64]);
          expect(addresses.map((_, i) => view.getInt32(8 + 4 * i))).toEqual(addresses);
          expect([ipv6.ipv6PayloadLength(buffer, 3), ipv6.ipv6NextHeader(buffer, 3)]).toEqual([length, next]);
          ipv6.writeFragmentHeader(buffer, 43, next, at * 8, more, id);
          expect([view.getUint16(42), view.getInt32(44)]).toEqual([at * 8 + (more ? 1 : 0), id]);
          expect([
            ipv6.extensionNextHeader(buffer, 43),
            ipv6.ipv6FragmentOffset(buffer, 43),
            ipv6.ipv6MoreFragments(buffer, 43),
            ipv6.ipv6Identification(buffer, 43),
          ]).toEqual([next, at * 8, more, id]);
        },
      ),
    );
  });

  test('Ethernet is big-endian, written and read', () => {
    const mac = fc.record({ high16: u16, low32: i32 });
    fc.assert(
      fc.property(mac, mac, u16, (from, to, type) => {
        const buffer = new Uint8Array(20).fill(0xaa);
        ethernet.writeEthernet(buffer, 2, from, to, type);
        const view = new DataView(buffer.buffer, 2, 14);
        expect([view.getUint16(0), view.getInt32(2)]).toEqual([to.high16, to.low32]);
        expect([view.getUint16(6), view.getInt32(8), view.getUint16(12)]).toEqual([
          from.high16,
          from.low32,
          type,
        ]);
        expect(ethernet.ethernetSource(buffer, 2)).toEqual(from);
        expect([ethernet.isEthernetSource(buffer, 2, from), ethernet.etherType(buffer, 2)]).toEqual([
          true,
          type,
        ]);
        const other = { high16: from.high16, low32: from.low32 ^ 1 };
        expect(ethernet.isEthernetSource(buffer, 2, other)).toBe(false);
      }),
    );
  });

  test('UDP and ICMP are big-endian, written and read', () => {
    fc.assert(
      fc.property(
        u16,
        u16,
        u16,
        u16,
        i32,
        fc.uint8Array({ maxLength: 20 }),
        (a, b, length, checksum, rest, body) => {
          const buffer = new Uint8Array(10);
          udp.writeUdp(buffer, 1, a, b, length, checksum);
          expect([tcp.sourcePort(buffer, 1), tcp.destinationPort(buffer, 1)]).toEqual([a, b]);
          expect([udp.udpLength(buffer, 1), udp.udpChecksum(buffer, 1)]).toEqual([length, checksum]);
          const message = new Uint8Array(9);
          icmp.writeIcmp(message, 1, 8, 3, rest, body, 0);
          expect(naiveChecksum(concat(message.subarray(1), body))).toBe(0);
          expect([icmp.icmpType(message, 1), icmp.icmpCode(message, 1)]).toEqual([8, 3]);
          expect((icmp.icmpIdentifier(message, 1) << 16) | icmp.icmpSequence(message, 1)).toBe(rest);
        },
      ),
    );
  });
});

describe('numbers', () => {
  test('sequence numbers compare as on a circle', () => {
    fc.assert(
      fc.property(i32, fc.integer({ min: 1, max: 2 ** 31 - 1 }), (a, step) => {
        const b = Number(BigInt.asIntN(32, BigInt(a) + BigInt(step)));
        expect([isBefore(a, b), isAfter(b, a), isBefore(b, a), isAfter(a, b)]).toEqual([
          true,
          true,
          false,
          false,
        ]);
        expect([distance(a, b), distance(b, a), isBefore(a, a), isAfter(a, a)]).toEqual([
          step,
          -step,
          false,
          false,
        ]);
      }),
    );
  });

  test('addresses are read as they are written', () => {
    fc.assert(
      fc.property(i32, (address) => {
        expect(parseAddress(formatAddress(4, [0, address], 1))).toEqual([address]);
      }),
    );
    for (const bad of ['', '1.2.3', '1.2.3.4.5', '1.2.3.256', '1.2.3.x', '1.2.3.', ' 1.2.3.4']) {
      expect(() => parseAddress(bad)).toThrow(RangeError);
    }
  });

  test('IPv6 addresses have the one spelling of RFC 5952, and are read in all of RFC 4291', () => {
    const group = fc.oneof(fc.constant(0), u16);
    fc.assert(
      fc.property(fc.array(group, { minLength: 8, maxLength: 8 }), (groups) => {
        const words = [0, 2, 4, 6].map((i) => (groups[i] << 16) | groups[i + 1]);
        const text = formatAddress(6, [7, ...words], 1);
        expect(parseAddress(text)).toEqual(words);
        expect(parseAddress(groups.map((one) => one.toString(16).toUpperCase()).join(':'))).toEqual(words);
        // What the platform makes of it, where it writes no IPv4 address.
        if (!text.includes('.')) expect(`[${text}]`).toBe(new URL(`http://[${text}]/`).hostname);
      }),
    );
    const spelled = [
      '::',
      '::1',
      '1::',
      '2001:db8::1:0:0:1',
      '1:0:1:1:1:1:1:1',
      '::ffff:10.0.0.1',
      'fe80::1',
    ];
    expect(spelled.map((text) => formatAddress(6, parseAddress(text), 0))).toEqual(spelled);
    expect(parseAddress('64:ff9b::192.0.2.33')).toEqual(parseAddress('64:ff9b::c000:221'));
    const bad = [
      '1:2:3:4:5:6:7',
      '1:2:3:4:5:6:7:8:9',
      '1::2::3',
      '1:2:3:4::5:6:7:8',
      ':::',
      '12345::',
      'g::',
    ];
    for (const text of [...bad, 'fe80::1%eth0', '1.2.3.4::', '::1.2.3', ':1', '1:', '::1:']) {
      expect(() => parseAddress(text), text).toThrow(RangeError);
    }
  });

  test('the window scale is the smallest that fits', () => {
    expect([0, 65_535, 65_536, 4 << 20, 65_535 * 2 ** 14].map((bytes) => windowScaleFor(bytes))).toEqual([
      0, 0, 1, 7, 14,
    ]);
  });
});

function littleWord(bytes: Uint8Array, at: number): bigint {
  return BigInt(new DataView(bytes.buffer, bytes.byteOffset).getUint32(at, true));
}

/** HalfSipHash as its paper has it: over bytes, with BigInt for words. */
function halfSipTwin(key: Uint8Array, message: Uint8Array, rounds: number, finalRounds: number): number {
  const mask = 0xffff_ffffn;
  const rotate = (x: bigint, n: bigint): bigint => ((x << n) | (x >> (32n - n))) & mask;
  const v = [
    littleWord(key, 0),
    littleWord(key, 4),
    0x6c796765n ^ littleWord(key, 0),
    0x74656462n ^ littleWord(key, 4),
  ];
  const round = (): void => {
    v[0] = (v[0] + v[1]) & mask;
    v[1] = rotate(v[1], 5n) ^ v[0];
    v[0] = rotate(v[0], 16n);
    v[2] = (v[2] + v[3]) & mask;
    v[3] = rotate(v[3], 8n) ^ v[2];
    v[0] = (v[0] + v[3]) & mask;
    v[3] = rotate(v[3], 7n) ^ v[0];
    v[2] = (v[2] + v[1]) & mask;
    v[1] = rotate(v[1], 13n) ^ v[2];
    v[2] = rotate(v[2], 16n);
  };
  const padded = new Uint8Array((message.length & ~3) + 4);
  padded.set(message);
  padded[padded.length - 1] = message.length;
  for (let at = 0; at < padded.length; at += 4) {
    v[3] ^= littleWord(padded, at);
    for (let i = 0; i < rounds; i++) round();
    v[0] ^= littleWord(padded, at);
  }
  v[2] ^= 0xffn;
  for (let i = 0; i < finalRounds; i++) round();
  return Number(BigInt.asIntN(32, v[1] ^ v[3]));
}

describe('HalfSipHash', () => {
  test('of the twin agrees with the published vectors', () => {
    const key = Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7);
    // HalfSipHash-1-3 of 0, 1, 2 and 3 bytes, as the Linux kernel's self-test lists them.
    const vectors = [0x5814c896, 0xe7e864ca, 0xbc4b0e30, 0x01539939];
    expect(vectors.map((_, length) => halfSipTwin(key, key.subarray(0, length), 1, 3) >>> 0)).toEqual(
      vectors,
    );
  });

  test('agrees with the twin', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 8, maxLength: 8 }), i32, i32, i32, (key, a, b, c) => {
        const words = new DataView(key.buffer, key.byteOffset);
        const message = new DataView(new ArrayBuffer(12));
        [a, b, c].forEach((word, i) => message.setInt32(i * 4, word, true));
        const hash = new HalfSipHash(words.getInt32(0, true), words.getInt32(4, true));
        expect(hash.words([a, b], c)).toBe(halfSipTwin(key, new Uint8Array(message.buffer), 2, 4));
      }),
    );
  });
});
