/**
 * Run by heap.test.ts in its own process, with the IP version and a number of
 * packets: prints what so many data packets each way have added to the heap.
 *
 * Timestamps and SACK are on, and used: every so often two packets to the stack
 * change places, so that it reports a range, and one of its own is reported
 * ahead of the one before it.
 */
import type { OutgoingFrame } from '../../../stack/device.ts';
import { Stack, type TcpConnection } from '../../../stack/index.ts';

declare const gc: () => void;

const IS_IPV6 = process.argv[2] === '6';
const PACKETS = Number(process.argv[3]);
const WARM_UP_PACKETS = 50_000;
/** A pair out of order for so many pairs in it. */
const PAIRS_PER_DISORDER = 32;

const SIZE = 1000;
const TCP = 10 + (IS_IPV6 ? 40 : 20);
const OPTIONS = TCP + 20;
const TIMESTAMP_BYTES = 12;
const SACK_BYTES = 12;

const [SYN, ACK, PSH_ACK] = [2, 16, 24];
/** MSS 1460, SACK permitted, window scale 7, timestamps. */
const SYN_OPTIONS = Uint8Array.of(2, 4, 5, 180, 1, 1, 4, 2, 1, 3, 3, 7, 1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0);

/** The frame of a guest's segment, filled in place: the measure must not allocate either. */
const frame = new Uint8Array(OPTIONS + SYN_OPTIONS.length + SIZE);
const view = new DataView(frame.buffer);
const payload = new Uint8Array(SIZE);
let now = 1;
let stackSequence = 0;
let stackTimestamp = 0;
let framesOut = 0;
let sackBlocksOut = 0;

const stack = new Stack({
  device: {
    mtu: 1500,
    maxPacket: 1500,
    send(out: OutgoingFrame): boolean {
      framesOut++;
      const { head, headLength } = out;
      stackSequence = int32(head, TCP + 4);
      // Behind a SYN-ACK's other options, or two words of padding.
      stackTimestamp = int32(head, head[OPTIONS] === 1 ? OPTIONS + 4 : headLength - 8);
      if (headLength > OPTIONS + TIMESTAMP_BYTES) sackBlocksOut++;
      return true;
    },
  },
  now,
  random: (bytes) => bytes.fill(3),
});

function int32(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
}

let connection: TcpConnection | undefined;
stack.onTcpRequest = (request) => {
  connection = request.accept();
};

function writeIpv4(length: number): void {
  frame[10] = 0x45;
  view.setUint16(12, 20 + length);
  frame[18] = 64;
  frame[19] = 6;
  view.setUint32(22, 0x0a000102);
  view.setUint32(26, 0x0a000105);
  view.setUint16(20, 0);
  let sum = 0;
  for (let at = 10; at < 30; at += 2) sum += view.getUint16(at);
  sum = (sum & 0xffff) + (sum >>> 16);
  view.setUint16(20, ~sum);
}

function writeIpv6(length: number): void {
  frame[10] = 0x60;
  view.setUint16(14, length);
  frame[16] = 6;
  frame[17] = 64;
  view.setUint32(18, 0xfd000001);
  view.setUint32(30, 2);
  view.setUint32(34, 0xfd000001);
  view.setUint32(46, 5);
}

/** A segment whose options are written already. */
function sendSegment(
  sequence: number,
  acknowledgment: number,
  flags: number,
  optionBytes: number,
  length: number,
): void {
  frame[0] = 1;
  if (IS_IPV6) writeIpv6(20 + optionBytes + length);
  else writeIpv4(20 + optionBytes + length);
  view.setUint16(TCP, 4000);
  view.setUint16(TCP + 2, 80);
  view.setInt32(TCP + 4, sequence);
  view.setInt32(TCP + 8, acknowledgment);
  frame[TCP + 12] = (20 + optionBytes) << 2;
  frame[TCP + 13] = flags;
  view.setUint16(TCP + 14, 0xffff);
  stack.receive(now, frame, 0, OPTIONS + optionBytes + length);
  stack.poll(now);
}

function writeTimestamps(): void {
  view.setUint32(OPTIONS, 0x0101080a);
  view.setInt32(OPTIONS + 4, Math.floor(now) + 1);
  view.setInt32(OPTIONS + 8, stackTimestamp);
}

function sendData(sequence: number, acknowledgment: number): void {
  writeTimestamps();
  frame.set(payload, OPTIONS + TIMESTAMP_BYTES);
  sendSegment(sequence, acknowledgment, PSH_ACK, TIMESTAMP_BYTES, SIZE);
}

function sendAck(sequence: number, acknowledgment: number): void {
  writeTimestamps();
  sendSegment(sequence, acknowledgment, ACK, TIMESTAMP_BYTES, 0);
}

function sendSack(sequence: number, acknowledgment: number, from: number, to: number): void {
  writeTimestamps();
  view.setUint32(OPTIONS + TIMESTAMP_BYTES, 0x0101050a);
  view.setInt32(OPTIONS + TIMESTAMP_BYTES + 4, from);
  view.setInt32(OPTIONS + TIMESTAMP_BYTES + 8, to);
  sendSegment(sequence, acknowledgment, ACK, TIMESTAMP_BYTES + SACK_BYTES, 0);
}

let received = 0;
let acknowledged = 0;
const chunk = new Uint8Array(SIZE);

frame.set(SYN_OPTIONS, OPTIONS);
sendSegment(0, 0, SYN, SYN_OPTIONS.length, 0);
let guestNext = 1;
let stackNext = (stackSequence + 1) | 0;
sendAck(guestNext, stackNext);
if (connection === undefined) throw new Error('no connection');
const open: TcpConnection = connection;

/** Two packets in, in either order. */
function inward(disorder: boolean): void {
  const second = (guestNext + SIZE) | 0;
  sendData(disorder ? second : guestNext, stackNext);
  sendData(disorder ? guestNext : second, stackNext);
  guestNext = (second + SIZE) | 0;
  for (let bytes = open.read(); bytes !== null; bytes = open.read()) {
    received += bytes.length;
    open.release(bytes.length);
  }
}

/** Two packets out, acknowledged each, or the second first. */
function outward(disorder: boolean): void {
  open.write(chunk);
  stack.poll(now);
  open.write(chunk);
  stack.poll(now);
  const second = (stackNext + SIZE) | 0;
  const end = (second + SIZE) | 0;
  now += 0.01;
  if (disorder) sendSack(guestNext, stackNext, second, end);
  else sendAck(guestNext, second);
  sendAck(guestNext, end);
  stackNext = end;
  acknowledged += 2 * SIZE - open.sendQueued;
}

function packets(count: number): void {
  for (let pair = 0; pair < count / 2; pair++) {
    now += 0.05;
    const disorder = pair % PAIRS_PER_DISORDER === 0;
    inward(disorder);
    outward(disorder);
  }
}

function heldBytes(): number {
  gc();
  gc();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

packets(WARM_UP_PACKETS);
const before = heldBytes();
received = 0;
acknowledged = 0;
packets(PACKETS);
const grownBytes = heldBytes() - before;
process.stdout.write(
  JSON.stringify({ received, acknowledged, grownBytes, framesOut, sackBlocksOut, counters: stack.counters }),
);
