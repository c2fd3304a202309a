/** Run by heap.test.ts in its own process: prints what steady traffic added to the heap. */
import type { OutgoingFrame } from '../../../stack/device.ts';
import { Stack, type TcpConnection } from '../../../stack/index.ts';

declare const gc: () => void;

const SIZE = 1000;
const HEAD = 10 + 20 + 20;

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
      stackSequence = (head[34] << 24) | (head[35] << 16) | (head[36] << 8) | head[37];
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

function send(sequence: number, acknowledgment: number, flags: number, length: number): void {
  const total = 40 + length;
  frame[0] = 1;
  frame[10] = 0x45;
  view.setUint16(12, total);
  frame[18] = 64;
  frame[19] = 6;
  view.setUint32(22, 0x0a000102);
  view.setUint32(26, 0x0a000105);
  view.setUint16(20, 0);
  let sum = 0;
  for (let at = 10; at < 30; at += 2) sum += view.getUint16(at);
  sum = (sum & 0xffff) + (sum >>> 16);
  view.setUint16(20, ~sum);
  view.setUint16(30, 4000);
  view.setUint16(32, 80);
  view.setInt32(34, sequence);
  view.setInt32(38, acknowledgment);
  frame[42] = 0x50;
  frame[43] = flags;
  view.setUint16(44, 0xffff);
  stack.receive(now, frame, 0, 10 + total);
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
