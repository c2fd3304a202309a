/**
 * One run of the fuzzer: a stack with narrow limits, three guests' flows and an
 * application, driven by a program (the *-actions.ts beside this). After each step the bounds must
 * hold, the bytes be right, and nothing be answered without end.
 */
import { expect } from 'vitest';
import type { StackLimits, TcpConnection } from '../../../stack/index.ts';
import { Harness } from '../harness/harness.ts';
import { GUEST, GUEST6, icmpFrame, SERVICE, SERVICE6, streamByte } from '../harness/packets.ts';
import { Peer } from './peer.ts';

const BLOCK = 65_536;

/** So narrow that each is met. */
const LIMITS = {
  maxConnections: 3,
  maxRequests: 2,
  requestTimeoutMs: 5000,
  maxTimeWait: 1,
  receiveBufferInitialBytes: 20_000,
  receiveBufferBytes: 80_000,
  receivePoolBytes: 2 * BLOCK,
  maxOutOfOrderRanges: 2,
  sendBufferBytes: 30_000,
  retransmitGiveUpMs: 20_000,
  handshakeGiveUpMs: 10_000,
  connectGiveUpMs: 10_000,
  keepAliveIdleMs: 1000,
  keepAliveIntervalMs: 500,
  keepAliveProbes: 2,
  challengeAcksPerSecond: 2,
  icmpErrorsPerSecond: 1,
  icmpErrorBurst: 2,
  maxFragmentedDatagrams: 2,
  maxExtensionHeaders: 2,
  maxOutboxFrames: 1,
} satisfies Partial<StackLimits>;

/** Frames that one step may bring about: a turn of each connection and what timers of some seconds add. */
const MAX_ANSWERS = 300;

export interface Application {
  readonly connection: TcpConnection;
  readonly peer: Peer;
  /** Where the bytes to be read start, once that is known. */
  readAt: number | null;
  written: number;
  /** Has called `finish` or `reset`, and may not write any more. */
  finished: boolean;
  closed: number;
}

export class World {
  readonly h: Harness;
  readonly peers: readonly Peer[];
  readonly applications: Application[] = [];
  /** What was seen beside the counters. */
  readonly features = new Set<string>();
  /** Of requests that wait: the number of their SYN. */
  readonly #synOf = new Map<object, number>();

  constructor(framing: 'ip' | 'ethernet', segmentation: boolean, datagrams: boolean) {
    const offloads = segmentation ? { maxPacket: 65_535, udpSegmentation: true } : { checksumOffload: false };
    this.h = new Harness({ framing, limits: LIMITS, ...offloads });
    this.peers = [new Peer(1, 4), new Peer(2, 6), new Peer(3, 4), new Peer(4, 4)];
    if (datagrams) {
      this.h.stack.onUdp = (datagram) => {
        if (datagram.localPort === 7) datagram.replyAll([datagram.payload, datagram.payload]);
        else datagram.unreachable('port');
      };
    }
    this.h.stack.onEcho = (request) => request.reply();
    // So that the stack has heard of a station it can send to.
    this.receive(icmpFrame(8, 0, 1, new Uint8Array(8)));
  }

  /** A segment from the peer, and what it is answered by. */
  segment(peer: Peer, frame: Uint8Array, sequence: number): void {
    const { requests } = this.h;
    const dialling = this.applications.filter((one) => one.connection.state === 'SYN-SENT');
    const before = requests.length;
    this.receive(frame);
    if (requests.length > before) this.#synOf.set(requests[before], sequence);
    for (const one of dialling) {
      if (one.peer === peer && one.connection.state !== 'SYN-SENT') one.readAt = (sequence + 1) | 0;
    }
  }

  receive(frame: Uint8Array): void {
    this.h.receive(frame);
    this.h.poll();
  }

  /** The oldest request that still waits is accepted. */
  accept(): void {
    const request = this.h.requests.shift();
    if (request?.pending !== true) return;
    const peer = this.#peerAt(request.remotePort, request.remoteAddress);
    const syn = this.#synOf.get(request);
    this.#keep(request.accept(), peer, syn === undefined ? null : (syn + 1) | 0);
  }

  connect(peer: Peer): void {
    const { source, destination } = peer.ends;
    try {
      const connection = this.h.stack.connect(
        { address: destination, port: 80 },
        { address: source, port: peer.port },
      );
      this.#keep(connection, peer, null);
    } catch (error) {
      expect(error).toMatchObject({ code: expect.stringMatching(/^CONNECT_(FLOW_IN_USE|LIMIT)$/) });
    }
  }

  read(one: Application, most: number): void {
    for (let i = 0; i < most; i++) {
      const chunk = one.connection.read();
      if (chunk === null) return;
      const { readAt } = one;
      if (readAt !== null) {
        for (let at = 0; at < chunk.length; at += 1 + (chunk.length >>> 6)) {
          if (chunk[at] !== streamByte((readAt + at) | 0)) expect.fail(`wrong byte in at ${readAt + at}`);
        }
        one.readAt = (readAt + chunk.length) | 0;
      }
      one.connection.release(chunk.length);
    }
  }

  /** What came out goes to the peers, and the bounds hold. */
  settle(): void {
    const { stack, device } = this.h;
    if (device.frames.length >= MAX_ANSWERS) expect.fail(`${device.frames.length} frames in one step`);
    for (const frame of this.h.frames()) {
      if (frame.protocol !== 6) continue;
      const port = frame.payload[2] * 256 + frame.payload[3];
      this.#peerAt(port, frame.destination).hears(frame);
    }
    let count = 0;
    for (const seen of stack.connections()) {
      count++;
      this.features.add(`${seen.state} ${seen.loss}`);
      const { receiveHeldBytes, congestionWindow } = seen;
      if (receiveHeldBytes > LIMITS.receiveBufferBytes || congestionWindow < 1)
        expect.fail(JSON.stringify(seen));
    }
    if (count > LIMITS.maxConnections) expect.fail(`${count} connections`);
  }

  /** All is closed, and nothing stays behind. */
  end(): void {
    const { h } = this;
    h.device.room = Infinity;
    h.stack.deviceWritable(h.nowMs);
    this.settle();
    h.stack.abortAll();
    h.poll();
    for (const one of this.applications) {
      this.read(one, Infinity);
      if (one.closed === 0) one.connection.reset();
    }
    h.poll();
    h.advance(200_000);
    this.settle();
    expect(this.applications.filter((one) => one.closed !== 1)).toEqual([]);
    expect([Array.from(h.stack.connections()).length, h.stack.pollAt()]).toEqual([0, Infinity]);
    for (const [name, value] of Object.entries(h.stack.counters) as [string, number][]) {
      if (value > 0) this.features.add(`${name} ${Math.floor(Math.log2(value))}`);
    }
  }

  #peerAt(port: number, address: string): Peer {
    const peer = this.peers.find(
      (one) => one.port === port && [GUEST, GUEST6][one.ip === 4 ? 0 : 1] === address,
    );
    return peer ?? expect.fail(`nobody is at ${address}:${port}, behind ${SERVICE} and ${SERVICE6}`);
  }

  #keep(connection: TcpConnection, peer: Peer, readAt: number | null): void {
    const one: Application = { connection, peer, readAt, written: 0, finished: false, closed: 0 };
    connection.onClosed = () => one.closed++;
    this.applications.push(one);
  }
}
