/**
 * Two stacks on a simulated network, in virtual time.
 *
 * Each direction has a rate, a delay and a queue, and loses, repeats, reorders
 * and corrupts by a seed, so that a failure replays exactly. Where packets are
 * corrupted, checksums that a stack leaves to its device are finished here, the
 * slow way, so that there is something to find it out by.
 */
import { flatten } from './flatten.ts';
import type { Device, OutgoingFrame } from '../../../stack/device.ts';
import { Stack, type StackLimits, type TcpConnection } from '../../../stack/index.ts';
import { naiveChecksum } from './packets.ts';

export interface PathOptions {
  /** One way. */
  delayMs?: number;
  /** More delay, up to this, that keeps the order. */
  jitterMs?: number;
  mbitPerSecond?: number;
  queueBytes?: number;
  loss?: number;
  duplicate?: number;
  /** Share of packets held back by up to `reorderMs`, so that others pass them. */
  reorder?: number;
  reorderMs?: number;
  corrupt?: number;
  /** Decides for the n-th data packet of a direction, counted from 0, whether it is lost. */
  drop?: (direction: 0 | 1, dataPacket: number) => boolean;
}

export interface NetworkOptions extends PathOptions {
  seed?: number;
  mtu?: number;
  /** Hand over large frames whole, as a local link does. */
  offload?: boolean;
  limits?: Partial<StackLimits>;
}

export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /** In [0, 1): mulberry32. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)];
  }
}

interface Arrival {
  atMs: number;
  order: number;
  to: 0 | 1;
  frame: Uint8Array;
}

export class Network {
  readonly stacks: readonly [Stack, Stack];
  nowMs = 0;
  readonly lost = [0, 0];
  readonly random: Random;
  readonly #options: NetworkOptions;
  readonly #arrivals: Arrival[] = [];
  readonly #freeAtMs = [0, 0];
  readonly #lastAtMs = [0, 0];
  readonly #dataPackets = [0, 0];
  #order = 0;

  constructor(options: NetworkOptions) {
    this.#options = options;
    this.random = new Random(options.seed ?? 1);
    this.stacks = [this.#host(0), this.#host(1)];
  }

  /** Until nothing is left to happen, or `done` says so, or the time is up. @returns whether it was not */
  run(untilMs: number, done: () => boolean = () => false): boolean {
    for (const stack of this.stacks) stack.poll(this.nowMs);
    while (!done()) {
      const next = Math.min(
        this.#arrivals.length > 0 ? this.#arrivals[0].atMs : Infinity,
        this.stacks[0].pollAt(),
        this.stacks[1].pollAt(),
      );
      if (next === Infinity) return true;
      if (next > untilMs) {
        this.nowMs = untilMs;
        return false;
      }
      this.nowMs = Math.max(this.nowMs, next);
      while (this.#arrivals.length > 0 && this.#arrivals[0].atMs <= this.nowMs) {
        const { to, frame } = this.#pop();
        this.stacks[to].receive(this.nowMs, frame, 0, frame.length);
      }
      for (const stack of this.stacks) stack.poll(this.nowMs);
    }
    return true;
  }

  #host(index: 0 | 1): Stack {
    const mtu = this.#options.mtu ?? 1500;
    const device: Device = {
      mtu,
      maxPacket: this.#options.offload === true ? 65_535 : mtu,
      send: (frame) => {
        this.#transmit(index, frame);
        return true;
      },
    };
    const random = new Random((this.#options.seed ?? 1) * 2 + index);
    return new Stack({
      device,
      now: 0,
      random: (bytes) => {
        for (let i = 0; i < bytes.length; i++) bytes[i] = random.below(256);
      },
      ...(this.#options.limits ? { limits: this.#options.limits } : {}),
    });
  }

  #transmit(from: 0 | 1, outgoing: OutgoingFrame): void {
    const { mbitPerSecond = Infinity, queueBytes = Infinity, loss = 0, duplicate = 0, drop } = this.#options;
    const frame = flatten(outgoing);
    const isData = outgoing.pieceCount > 0;
    const number = isData ? this.#dataPackets[from]++ : -1;
    if ((isData && drop?.(from, number) === true) || this.random.next() < loss) {
      this.lost[from]++;
      return;
    }
    const startAtMs = Math.max(this.nowMs, this.#freeAtMs[from]);
    const bytesPerMs = mbitPerSecond * 125;
    if ((startAtMs - this.nowMs) * bytesPerMs > queueBytes) {
      this.lost[from]++;
      return;
    }
    this.#freeAtMs[from] = startAtMs + frame.length / bytesPerMs;
    if ((this.#options.corrupt ?? 0) > 0) finishChecksums(frame);
    this.#deliver(from, frame, this.#freeAtMs[from]);
    if (this.random.next() < duplicate) this.#deliver(from, frame, this.#freeAtMs[from]);
  }

  #deliver(from: 0 | 1, original: Uint8Array, sentAtMs: number): void {
    const { delayMs = 0.05, jitterMs = 0, reorder = 0, reorderMs = 0, corrupt = 0 } = this.#options;
    const { random } = this;
    let frame = original;
    if (random.next() < corrupt) {
      frame = original.slice();
      frame[10 + random.below(frame.length - 10)] ^= 1 << random.below(8);
    }
    let atMs = sentAtMs + delayMs + random.next() * jitterMs;
    if (random.next() < reorder) {
      atMs += random.next() * reorderMs;
    } else {
      atMs = Math.max(atMs, this.#lastAtMs[from]);
      this.#lastAtMs[from] = atMs;
    }
    this.#push({ atMs, order: this.#order++, to: from === 0 ? 1 : 0, frame });
  }

  #push(arrival: Arrival): void {
    const heap = this.#arrivals;
    let index = heap.length;
    heap.push(arrival);
    while (index > 0) {
      const parent = (index - 1) >>> 1;
      if (!isEarlier(arrival, heap[parent])) break;
      heap[index] = heap[parent];
      index = parent;
    }
    heap[index] = arrival;
  }

  #pop(): Arrival {
    const heap = this.#arrivals;
    const first = heap[0];
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return first;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isEarlier(heap[child + 1], heap[child])) child++;
      if (!isEarlier(heap[child], last)) break;
      heap[index] = heap[child];
      index = child;
    }
    heap[index] = last;
    return first;
  }
}

function isEarlier(a: Arrival, b: Arrival): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}

/** What a network card does; the frame then asks for nothing more. */
function finishChecksums(frame: Uint8Array): void {
  if ((frame[0] & 1) === 0) return;
  const start = 10 + (frame[6] | (frame[7] << 8));
  const field = start + (frame[8] | (frame[9] << 8));
  const checksum = naiveChecksum(frame.subarray(start));
  frame[field] = checksum >>> 8;
  frame[field + 1] = checksum;
  frame[0] = 0;
}

/** Chunks of a stream without end, of which nobody looks at the bytes. */
const FILLER = new Uint8Array(65_536);

/** An application that sends so many bytes, reads all it gets, and finishes. With Infinity it only keeps the path full. */
export class Endpoint {
  readonly connection: TcpConnection;
  received = 0;
  /** A sum over position and value of all bytes received, and of those to be sent. */
  receivedSum = 0;
  sentSum = 0;
  closed: string | null = null;
  readonly #total: number;
  readonly #checked: boolean;
  #written = 0;

  constructor(connection: TcpConnection, total: number, checked = total !== Infinity) {
    this.#checked = checked;
    this.connection = connection;
    this.#total = total;
    connection.onReadable = () => this.#read();
    connection.onWritable = () => this.#write();
    connection.onClosed = (reason) => {
      this.closed = reason;
    };
    this.#write();
  }

  #write(): void {
    while (this.#total === Infinity && this.connection.sendRoom > 0) this.connection.write(FILLER);
    while (this.#written < this.#total && this.connection.sendRoom > 0) {
      const chunk = new Uint8Array(Math.min(10_000, this.#total - this.#written));
      for (let i = 0; i < chunk.length; i++) chunk[i] = Math.imul(this.#written + i + 5, 0x9e37_79b1) >>> 24;
      this.sentSum = mix(this.sentSum, this.#written, chunk);
      this.#written += chunk.length;
      this.connection.write(chunk);
    }
    if (this.#written === this.#total) this.connection.finish();
  }

  #read(): void {
    for (let chunk = this.connection.read(); chunk !== null; chunk = this.connection.read()) {
      if (this.#checked) this.receivedSum = mix(this.receivedSum, this.received, chunk);
      this.received += chunk.length;
      this.connection.release(chunk.length);
    }
  }
}

/** Depends on each byte's value and place, and not on how the stream is cut. */
function mix(sum: number, position: number, chunk: Uint8Array): number {
  let mixed = sum;
  for (let i = 0; i < chunk.length; i++) {
    mixed = (mixed + Math.imul(chunk[i] + 1, Math.imul(position + i + 1, 0x85eb_ca6b) | 1)) | 0;
  }
  return mixed;
}
