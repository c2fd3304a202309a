/**
 * What the stack itself costs: two of them in memory, no loss, no delay.
 *
 *     npm run bench:stack
 *
 * Every byte is sent by one stack, copied once as a device would, parsed and
 * received by the other, and read there. The limits of the same machine in the
 * same run stand beside it: a plain copy of 64 KiB, and the Internet checksum
 * over it, which offload saves. Rows are the best of several rounds, since
 * other work on the machine only ever adds time.
 */

import { randomFillSync } from 'node:crypto';
import { Stack } from 'kns-rootless/stack';

const ROUNDS = 5;
const SEGMENT = 65_536;
const BULK_BYTES = 512 << 20;
const EXCHANGES = 20_000;
const CONNECTIONS = 5_000;
const ADDRESSES = { 4: ['192.0.2.1', '192.0.2.2'], 6: ['2001:db8::1', '2001:db8::2'] };

/** Hands frames to the peer in batches, from an arena of its own. */
class Cable {
  #arena = new Uint8Array(64 * (SEGMENT + 256));
  #ends = [];
  peer;

  constructor(mtu, maxPacket) {
    this.mtu = mtu;
    this.maxPacket = maxPacket;
  }

  send(frame) {
    let at = this.#ends.at(-1) ?? 0;
    if (at + SEGMENT + 256 > this.#arena.length) return false;
    this.#arena.set(frame.head.subarray(0, frame.headLength), at);
    at += frame.headLength;
    for (let i = 0; i < frame.pieceCount; i++) {
      const start = frame.pieceOffset[i];
      this.#arena.set(frame.pieces[i].subarray(start, start + frame.pieceLength[i]), at);
      at += frame.pieceLength[i];
    }
    this.#ends.push(at);
    return true;
  }

  deliver(nowMs) {
    let start = 0;
    const ends = this.#ends.splice(0);
    for (const end of ends) {
      this.peer.receive(nowMs, this.#arena, start, end - start);
      start = end;
    }
    return ends.length > 0;
  }
}

class Pair {
  nowMs = 0;
  #cables;

  constructor(version, mtu, offload) {
    this.addresses = ADDRESSES[version];
    this.#cables = [0, 1].map(() => new Cable(mtu, offload ? 65_535 : mtu));
    const stacks = this.#cables.map((device) => new Stack({ device, now: 0, random: randomFillSync }));
    [this.client, this.server] = stacks;
    this.#cables[0].peer = this.server;
    this.#cables[1].peer = this.client;
  }

  /** One turn: what both have to send arrives at the other. */
  turn() {
    this.nowMs += 0.01;
    for (const stack of [this.client, this.server]) stack.deviceWritable(this.nowMs);
    for (const cable of this.#cables) cable.deliver(this.nowMs);
  }

  connect() {
    const [address, peer] = this.addresses;
    return this.client.connect({ address, port: 0 }, { address: peer, port: 7 });
  }
}

function bulk(version, mtu, offload) {
  const pair = new Pair(version, mtu, offload);
  const chunk = new Uint8Array(SEGMENT);
  let received = 0;
  pair.server.onTcpRequest = (request) => {
    const connection = request.accept();
    connection.onReadable = () => {
      for (let read = connection.read(); read !== null; read = connection.read()) {
        received += read.length;
        connection.release(read.length);
      }
    };
  };
  const connection = pair.connect();
  const run = (bytes) => {
    const target = received + bytes;
    while (received < target) {
      while (connection.sendRoom > 0) connection.write(chunk);
      pair.turn();
    }
  };
  run(BULK_BYTES / 8);
  return best(
    () => run(BULK_BYTES),
    (seconds) => `${((BULK_BYTES * 8) / seconds / 1e9).toFixed(1)} Gbit/s`,
  );
}

/** 64 bytes there and back; and with `fresh`, a connection for each. */
function exchanges(version, fresh) {
  const pair = new Pair(version, 65_520, true);
  const question = new Uint8Array(64);
  let answers = 0;
  pair.server.onTcpRequest = (request) => {
    const connection = request.accept();
    connection.onReadable = () => {
      for (let read = connection.read(); read !== null; read = connection.read()) {
        connection.write(question);
        connection.release(read.length);
      }
      if (connection.remoteFinished) connection.finish();
    };
  };
  const open = () => {
    const connection = pair.connect();
    connection.onReadable = () => {
      for (let read = connection.read(); read !== null; read = connection.read()) {
        answers++;
        connection.release(read.length);
      }
    };
    return connection;
  };
  let connection = open();
  const run = (count) => {
    for (let i = 0; i < count; i++) {
      const target = answers + 1;
      connection.write(question);
      while (answers < target) pair.turn();
      if (!fresh) continue;
      connection.finish();
      connection = open();
    }
  };
  const count = fresh ? CONNECTIONS : EXCHANGES;
  run(count);
  return best(
    () => run(count),
    (seconds) => `${Math.round(count / seconds)} /s`,
  );
}

function best(run, show) {
  let least = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now();
    run();
    least = Math.min(least, performance.now() - start);
  }
  return show(least / 1000);
}

function perSegment(work) {
  const count = BULK_BYTES / SEGMENT;
  const run = () => {
    for (let i = 0; i < count; i++) work();
  };
  run();
  return best(run, (seconds) => `${((BULK_BYTES * 8) / seconds / 1e9).toFixed(1)} Gbit/s`);
}

/** RFC 1071, word by word: what a stack without offload does for every byte. */
function checksum(bytes) {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i] << 8) | bytes[i + 1];
  return sum;
}

const rows = {
  'limit: copy of 64 KiB': () => {
    const [from, to] = [new Uint8Array(SEGMENT), new Uint8Array(SEGMENT)];
    return perSegment(() => to.set(from));
  },
  'limit: checksum of 64 KiB': () => {
    const bytes = new Uint8Array(SEGMENT);
    return perSegment(() => checksum(bytes));
  },
  'bulk, 64 KiB segments, IPv4': () => bulk(4, 65_520, true),
  'bulk, 64 KiB segments, IPv6': () => bulk(6, 65_520, true),
  'bulk, MTU 1500 with offload': () => bulk(4, 1500, true),
  'bulk, MTU 1500, each segment a packet': () => bulk(4, 1500, false),
  '64 bytes there and back': () => exchanges(4, false),
  'connect, 64 bytes there and back, close': () => exchanges(4, true),
};
for (const [name, measure] of Object.entries(rows))
  console.log(`${name.padEnd(42)} ${measure().padStart(16)}`);
