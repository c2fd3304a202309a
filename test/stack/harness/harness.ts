/**
 * A stack on a link of memory and a clock that moves by hand.
 *
 * Frames go in by `guest`, and all that came out since is compared by `sends`,
 * which with no argument asserts silence. `scenario` asserts it once more at
 * the end of each test.
 */
import { expect, test } from 'vitest';
import type { Device, OutgoingFrame } from '../../../stack/device.ts';
import type { FrameObserver, Framing, StackLimits, TcpConnection, TcpRequest } from '../../../stack/index.ts';
import { ObservedDevice, Stack } from '../../../stack/index.ts';
import {
  expectBytes,
  GUEST6,
  type Offload,
  parseFrame,
  type ParsedFrame,
  SERVICE6,
  stream,
  tcpFrame,
  withEthernet,
  withoutEthernet,
} from './packets.ts';
import { flatten } from './flatten.ts';
import { matchLine, parseLine, readSegment, toFields } from './script.ts';

export interface HarnessOptions {
  mtu?: number;
  maxPacket?: number;
  checksumOffload?: boolean;
  udpSegmentation?: boolean;
  limits?: Partial<StackLimits>;
  /** The version of IP that TCP runs over. */
  ip?: 4 | 6;
  framing?: Framing;
  observers?: FrameObserver[];
  /** What lies around a frame in the device's buffer. */
  surroundings?: number;
}

export class TestDevice implements Device {
  readonly mtu: number;
  readonly maxPacket: number;
  readonly checksumOffload: boolean;
  readonly udpSegmentation: boolean;
  readonly frames: Uint8Array[] = [];
  /** Frames it takes before it is full. */
  room = Infinity;

  constructor(options: HarnessOptions = {}) {
    this.mtu = options.mtu ?? 1500;
    this.maxPacket = options.maxPacket ?? this.mtu;
    this.checksumOffload = options.checksumOffload ?? true;
    this.udpSegmentation = options.udpSegmentation ?? false;
  }

  send(frame: OutgoingFrame): boolean {
    if (this.room <= 0) return false;
    this.room--;
    this.frames.push(flatten(frame));
    return true;
  }
}

export class Harness {
  readonly device: TestDevice;
  readonly stack: Stack;
  readonly requests: TcpRequest[] = [];
  nowMs = 1000;
  guestIsn = 0x7fff_fff0;
  stackIsn = 0;
  guestTs = 0x7fff_fe00;
  stackTs = 0;
  wakes = 0;
  readonly #ends: { source?: string; destination?: string };
  /** Of IP and TCP. */
  readonly #headerBytes: number;
  readonly framing: Framing;
  readonly #observed: ObservedDevice | null;
  readonly #surroundings: number;

  constructor(options: HarnessOptions = {}) {
    this.#ends = options.ip === 6 ? { source: GUEST6, destination: SERVICE6 } : {};
    this.#headerBytes = options.ip === 6 ? 60 : 40;
    this.framing = options.framing ?? 'ip';
    this.device = new TestDevice(options);
    this.#surroundings = options.surroundings ?? 0xee;
    const { observers } = options;
    this.#observed = observers ? new ObservedDevice(this.device, observers, () => this.nowMs) : null;
    let state = 1;
    this.stack = new Stack({
      device: this.#observed ?? this.device,
      framing: this.framing,
      now: this.nowMs,
      random: (bytes) => {
        for (let i = 0; i < bytes.length; i++) {
          state = (Math.imul(state, 1_103_515_245) + 12_345) | 0;
          bytes[i] = state >>> 16;
        }
      },
      ...(options.limits ? { limits: options.limits } : {}),
    });
    this.stack.onTcpRequest = (request) => this.requests.push(request);
    this.stack.onWake = () => {
      this.wakes++;
    };
  }

  /** One frame in, without a poll, from the middle of a larger buffer that is spoilt afterwards. */
  receive(packet: Uint8Array): void {
    this.receiveFrame(this.framing === 'ethernet' ? withEthernet(packet) : packet);
  }

  /** The same, with the Ethernet header that the frame has, if any. */
  receiveFrame(frame: Uint8Array): void {
    const arena = new Uint8Array(frame.length + 64).fill(this.#surroundings);
    arena.set(frame, 32);
    this.#observed?.received(arena, 32, frame.length);
    this.stack.receive(this.nowMs, arena, 32, frame.length);
    arena.fill(0xdd);
  }

  poll(): void {
    this.stack.poll(this.nowMs);
  }

  /** Segments of the guest's, each followed by a poll. */
  guest(...lines: string[]): void {
    for (const line of lines) {
      this.guestOffload(line, {});
    }
  }

  /** Segments that come between two polls. */
  batch(...lines: string[]): void {
    for (const line of lines) {
      this.receive(this.segment(line, {}));
    }
  }

  guestOffload(line: string, offload: Offload): void {
    this.receive(this.segment(line, offload));
    this.poll();
  }

  segment(line: string, offload: Offload): Uint8Array {
    const fields = toFields(parseLine(line), this);
    return tcpFrame({ ...fields, ...this.#ends }, offload);
  }

  frames(): ParsedFrame[] {
    const frames = this.device.frames.splice(0);
    return frames.map((frame) => parseFrame(this.framing === 'ethernet' ? withoutEthernet(frame) : frame));
  }

  /** All that was sent since the last look, TCP alone, line by line. */
  sends(...expected: string[]): void {
    const seen = this.frames().map((frame) => {
      expect(frame.protocol).toBe(6);
      const flags = frame.payload[13];
      // A SYN or SYN-ACK says where the stack's numbers start.
      if ((flags & 2) !== 0) {
        this.stackIsn = new DataView(frame.payload.buffer, frame.payload.byteOffset).getInt32(4);
        this.stackTs = 0;
        this.stackTs = readSegment(frame, this).fields.get('ts') ?? 0;
      }
      return readSegment(frame, this);
    });
    for (let i = 0; i < Math.min(seen.length, expected.length); i++) matchLine(seen[i], expected[i]);
    expect(seen.slice(expected.length).map((segment) => segment.text)).toEqual([]);
    expect(expected.slice(seen.length)).toEqual([]);
  }

  /** Moves the clock, polling whenever the stack asks for it. */
  advance(ms: number): void {
    const until = this.nowMs + ms;
    for (let polls = 0; this.stack.pollAt() <= until; polls++) {
      if (polls > 1000) expect.fail('the stack asks to be polled again and again');
      this.nowMs = Math.max(this.nowMs, this.stack.pollAt());
      this.poll();
    }
    this.nowMs = until;
  }

  request(): TcpRequest {
    const request = this.requests.shift();
    if (request === undefined) return expect.fail('no request');
    return request;
  }

  /** A connection in ESTABLISHED, with nothing left to look at. */
  establish(
    options: {
      mss?: number;
      ws?: number | null;
      window?: number;
      sack?: boolean;
      ts?: number;
      rttMs?: number;
    } = {},
  ): TcpConnection {
    const { mss = 1460, ws = 7, window = 502, sack = false, ts, rttMs = 0 } = options;
    const offered = `${sack ? ' sackok=1' : ''}${ts === undefined ? '' : ` ts=${ts}`}`;
    this.guest(`S seq=0 win=64240 mss=${mss}${ws === null ? '' : ` ws=${ws}`}${offered}`);
    const connection = this.request().accept();
    this.poll();
    const link = this.device.mtu - this.#headerBytes;
    const answered = `${sack ? ' sackok=1' : ''}${ts === undefined ? '' : ` te=${ts}`}`;
    this.sends(`SA seq=0 ack=1 mss=${link}${ws === null ? '' : ' ws=7'}${answered}`);
    this.advance(rttMs);
    this.guest(`A seq=1 ack=1 win=${window}${ts === undefined ? '' : ` ts=${ts} te=0`}`);
    this.sends();
    expect(connection.state).toBe('ESTABLISHED');
    return connection;
  }
}

/** A test with a harness of its own that ends in silence. */
export function scenario(name: string, body: (h: Harness) => void, options: HarnessOptions = {}): void {
  test(name, () => {
    const h = new Harness(options);
    body(h);
    h.poll();
    expect(h.frames(), 'something was sent that the test did not look at').toEqual([]);
  });
}

/** Reads and releases all there is, checking it against the stream from `position`. */
export function drain(connection: TcpConnection, position: number): number {
  let total = 0;
  for (let chunk = connection.read(); chunk !== null; chunk = connection.read()) {
    expectBytes(chunk, stream(position + total, chunk.length));
    total += chunk.length;
    connection.release(chunk.length);
  }
  return total;
}

export function writeStream(connection: TcpConnection, position: number, length: number): void {
  connection.write(stream(position, length));
}
