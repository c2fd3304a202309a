/** What the stack shows of itself: trace lines, captures, connections. */
import { describe, expect, test } from 'vitest';
import { describeConnection, describeFrame, PcapngWriter, TraceObserver } from '../../stack/index.ts';
import { drain, Harness, writeStream } from './harness/harness.ts';
import {
  concat,
  GUEST6,
  icmpFrame,
  icmpv6Frame,
  ipv4Frame,
  ipv6Frame,
  SERVICE6,
  stream,
  tcpFrame,
  udpFrame,
  withEthernet,
} from './harness/packets.ts';
import { readCapture } from '../support/read-capture.ts';

describe('a trace', () => {
  test('has a line for each frame that passed', () => {
    const lines: string[] = [];
    const trace = new TraceObserver((line) => lines.push(line), 'ip');
    const h = new Harness({ observers: [trace], mtu: 1500, maxPacket: 65_535 });
    h.guestIsn = 1000;
    h.nowMs = 12.3456;
    const connection = h.establish({ window: 4000 });
    h.nowMs = 3_600_000;
    writeStream(connection, 0, 3000);
    h.poll();
    h.device.room = 0;
    h.guest('FPA seq=1 ack=3001 len=10');
    h.device.room = 1;
    drain(connection, 0);
    h.stack.deviceWritable(h.nowMs);
    const isn = h.stackIsn >>> 0;
    const [there, back] = ['10.0.1.2.40000 > 10.0.1.5.80:', '10.0.1.5.80 > 10.0.1.2.40000:'];
    expect(lines).toEqual([
      `00:00:00.012345 In  IP ${there} Flags [S], seq 1000, win 64240, options [mss 1460,nop,wscale 7], length 0`,
      `00:00:00.012345 Out IP ${back} Flags [S.], seq ${isn}, ack 1001, win 65535, options [mss 1460,nop,wscale 7], length 0`,
      `00:00:00.012345 In  IP ${there} Flags [.], ack ${isn + 1}, win 4000, length 0`,
      `01:00:00.000000 Out IP ${back} Flags [P.], seq ${isn + 1}:${isn + 3001}, ack 1001, win 4096, length 3000, gso 1460`,
      `01:00:00.000000 In  IP ${there} Flags [FP.], seq 1001:1011, ack ${isn + 3001}, win 502, length 10`,
      `01:00:00.000000 Out IP ${back} Flags [.], ack 1012, win 4095, length 0`,
    ]);
  });

  const SACK = [1, 1, 5, 10, 0, 0, 0, 1, 0, 0, 0, 9];
  const STAMPS = [4, 2, 8, 10, 0, 0, 0, 3, 0, 0, 0, 0, 254, 2, 3, 9];
  test.each([
    [
      tcpFrame({ sequence: 5, flags: 0xd4, options: STAMPS }),
      'IP 10.0.1.2.40000 > 10.0.1.5.80: Flags [R.EW], seq 5, ack 0, win 64240, options [sackOK,TS val 3 ecr 0,unknown-254,bad], length 0',
    ],
    [
      tcpFrame({ source: GUEST6, destination: SERVICE6, sequence: 5, flags: 0x20, options: SACK }),
      'IP6 fd00:1::2.40000 > fd00:1::5.80: Flags [U], win 64240, options [nop,nop,sack 1 {1:9}], length 0',
    ],
    [udpFrame(stream(0, 9)), 'IP 10.0.1.2.5000 > 10.0.1.5.53: UDP, length 9'],
    [
      icmpFrame(8, 0, 0x0001_0002, stream(0, 8)),
      'IP 10.0.1.2 > 10.0.1.5: ICMP echo request, id 1, seq 2, length 16',
    ],
    [icmpFrame(3, 13, 0, stream(0, 28)), 'IP 10.0.1.2 > 10.0.1.5: ICMP unreachable, code 13, length 36'],
    [
      icmpv6Frame(2, 0, 1300, stream(0, 48)),
      'IP6 fd00:1::2 > fd00:1::5: ICMP6, packet too big, mtu 1300, length 56',
    ],
    [icmpv6Frame(133, 0, 0, stream(0, 8)), 'IP6 fd00:1::2 > fd00:1::5: ICMP6, type 133, code 0, length 16'],
    [
      ipv4Frame({ protocol: 17, fragment: 0x2002, identification: 9, payload: stream(0, 32) }),
      'IP 10.0.1.2 > 10.0.1.5: protocol 17 (frag 9:32@16+)',
    ],
    [
      ipv6Frame({ protocol: 44, options: Uint8Array.of(17, 0, 0, 1, 0, 0, 0, 7), payload: stream(0, 8) }),
      'IP6 fd00:1::2.31 > fd00:1::5.15965: UDP, length 31891 (frag 7:8@0+)',
    ],
    [
      ipv6Frame({ protocol: 132, payload: stream(0, 8) }),
      'IP6 fd00:1::2 > fd00:1::5: protocol 132, length 8',
    ],
    [udpFrame(stream(0, 9)).subarray(0, 20), 'IP truncated'],
    [new Uint8Array(4), 'truncated frame, length 4'],
  ])('names what is in a frame (%#)', (frame, line) => {
    expect(describeFrame(frame, 'ip')).toBe(line);
  });

  test('of Ethernet names what is not IP', () => {
    const frame = udpFrame(stream(0, 9));
    expect(describeFrame(withEthernet(frame), 'ethernet')).toBe(describeFrame(frame, 'ip'));
    const arp = concat(new Uint8Array(10), new Uint8Array(12), [8, 6], new Uint8Array(28));
    expect(describeFrame(arp, 'ethernet')).toBe('ethertype 0x0806, length 42');
  });
});

describe('a capture', () => {
  test.each([
    ['ip', 101, 10],
    ['ethernet', 1, 10],
  ] as const)(
    'of %s frames holds all that passed, without virtio-net headers',
    (framing, linkType, stripped) => {
      const blocks: Uint8Array[] = [];
      const h = new Harness({
        framing,
        observers: [new PcapngWriter((bytes) => blocks.push(bytes), { framing })],
      });
      h.nowMs = 1_790_000_000_123.456;
      h.stack.onUdp = (datagram) => datagram.reply(stream(0, 33));
      const question = udpFrame(stream(0, 8));
      h.receive(question);
      const [answer] = h.device.frames;
      const { linkType: seen, packets } = readCapture(concat(...blocks));
      expect(seen).toBe(linkType);
      const frameIn = framing === 'ip' ? question : withEthernet(question);
      expect(packets).toEqual(
        [frameIn, answer].map((frame, i) => ({
          timeMs: h.nowMs,
          inbound: i === 0,
          originalLength: frame.length - stripped,
          bytes: frame.slice(stripped),
        })),
      );
    },
  );

  test('may keep the start of each packet alone', () => {
    const blocks: Uint8Array[] = [];
    const writer = new PcapngWriter((bytes) => blocks.push(bytes), { framing: 'ip', snapLength: 41 });
    const frame = udpFrame(stream(0, 100));
    writer.frame(0, 'in', frame);
    writer.frame(0, 'in', frame.subarray(0, 10));
    const { snapLength, packets } = readCapture(concat(...blocks));
    expect([snapLength, packets.length, packets[0].originalLength]).toEqual([41, 1, 128]);
    expect(packets[0].bytes).toEqual(frame.slice(10, 51));
  });

  test('names the interface, and ends with what it is lacking', () => {
    const blocks: Uint8Array[] = [];
    const writer = new PcapngWriter((bytes) => blocks.push(bytes), { framing: 'ip', interfaceName: 'kns0' });
    writer.frame(0, 'out', udpFrame(stream(0, 1)));
    writer.finish(1_790_000_000_123.456, { received: 5_000_000_000, dropped: 4_999_999_999 });
    expect(readCapture(concat(...blocks))).toMatchObject({
      interfaceName: 'kns0',
      packets: [{ inbound: false }],
      end: { timeMs: 1_790_000_000_123.456, received: 5_000_000_000, dropped: 4_999_999_999 },
    });
  });
});

describe('a connection', () => {
  test('is described in a line', () => {
    const h = new Harness({ ip: 6 });
    const connection = h.establish();
    writeStream(connection, 0, 100);
    h.poll();
    const [{ packet }] = h.frames();
    h.guest('PA seq=1 ack=1 len=10');
    h.receive(icmpv6Frame(1, 0, 0, packet.subarray(0, 48)));
    expect([...h.stack.connections()].map((seen) => describeConnection(seen))).toEqual([
      'ESTABLISHED recv-q 10 send-q 100 [fd00:1::5]:80 [fd00:1::2]:40000 ' +
        'mss:1440 rto:200 rtt:0/0 minrtt:0 cwnd:10 unacked:100 ' +
        'snd_wnd:64256 rcv_held:10 rcv_wnd:524278 error:net',
    ]);
    expect(connection.softError).toBe('net');
    connection.reset();
  });

  test('after a loss tells of its repair, in segments as ss does', () => {
    const h = new Harness({ limits: { congestionControl: 'newreno' } });
    const connection = h.establish({ sack: true, ts: 0, rttMs: 10 });
    writeStream(connection, 0, 5 * 1448);
    h.poll();
    h.frames();
    h.advance(10);
    h.guest('A seq=1 ack=1 ts=20 te=10 sack=2897-7241');
    h.frames();
    const [line] = Array.from(h.stack.connections(), (seen) => describeConnection(seen));
    expect(line).toContain(
      'rtt:10/5 minrtt:10 cwnd:2 ssthresh:2 unacked:7240 retrans:2 sacked:4344 loss:recovery',
    );
    connection.reset();
  });
});
