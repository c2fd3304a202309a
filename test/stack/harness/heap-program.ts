/** Run by heap.test.ts in its own process with `4` or `6`: prints what steady traffic over that IP added to the heap. */
import type { OutgoingFrame } from '../../../stack/device.ts';
import { Stack, type TcpConnection } from '../../../stack/index.ts';

declare const gc: () => void;

const IS_IPV6 = process.argv[2] === '6';
const SIZE = 1000;
const TCP = 10 + (IS_IPV6 ? 40 : 20);
const HEAD = TCP + 20;

/** The frame of a guest's segment, filled in place: the measure must not allocate either. */
const frame = new Uint8Array(HEAD + SIZE);
const view = new DataView(frame.buffer);
let stackSequence = 0;
let framesOut = 0;

const stack = new Stack({
  device: {
    mtu: 1500,
    maxPacket: 1500,
    send(out: OutgoingFrame): boolean {
      framesOut++;
      const head = out.head;
      stackSequence = (head[TCP + 4] << 24) | (head[TCP + 5] << 16) | (head[TCP + 6] << 8) | head[TCP + 7];
      return true;
    },
  },
  now: 0,
  random: (bytes) => bytes.fill(3),
});

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

function send(sequence: number, acknowledgment: number, flags: number, length: number): void {
  frame[0] = 1;
  if (IS_IPV6) writeIpv6(20 + length);
  else writeIpv4(20 + length);
  view.setUint16(TCP, 4000);
  view.setUint16(TCP + 2, 80);
  view.setInt32(TCP + 4, sequence);
  view.setInt32(TCP + 8, acknowledgment);
  frame[TCP + 12] = 0x50;
  frame[TCP + 13] = flags;
  view.setUint16(TCP + 14, 0xffff);
  stack.receive(now, frame, 0, HEAD + length);
  stack.poll(now);
}

let now = 0;
let guestSequence = 1;
let received = 0;
let acknowledged = 0;
const chunk = new Uint8Array(SIZE);

send(0, 0, 2, 0);
stack.poll(now);
let stackNext = (stackSequence + 1) | 0;
send(guestSequence, stackNext, 16, 0);
if (connection === undefined) throw new Error('no connection');
const open: TcpConnection = connection;

function packets(count: number): void {
  for (let i = 0; i < count; i++) {
    now += 0.05;
    send(guestSequence, stackNext, 24, SIZE);
    guestSequence = (guestSequence + SIZE) | 0;
    const bytes = open.read();
    if (bytes === null) throw new Error('nothing to read');
    received += bytes.length;
    open.release(bytes.length);
    open.write(chunk);
    stack.poll(now);
    stackNext = (stackNext + SIZE) | 0;
    send(guestSequence, stackNext, 16, 0);
    acknowledged += SIZE - open.sendQueued;
  }
}

function heldBytes(): number {
  gc();
  gc();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

packets(50_000);
const before = heldBytes();
received = 0;
acknowledged = 0;
packets(200_000);
const grownBytes = heldBytes() - before;
process.stdout.write(
  JSON.stringify({ receivedBytes: received, acknowledgedBytes: acknowledged, grownBytes, framesOut }),
);
