/**
 * A SPDY connection to a pod: pairs of streams in one pipe, pings, and the end of all of it.
 *
 * Client stream ids are odd and rise; a pair takes two. A pipe that fails ends
 * every pair with `lost`; the failure of a pair touches no other.
 *
 * A connection whose reading is held up by a pair with unread bytes is
 * `doubtful`: new streams go elsewhere. So is one whose peer has been silent
 * over more than one ping, or that finds itself woken from a long sleep, until
 * a byte arrives. After `pingsMissed` silent intervals it is dead. Intervals in
 * which we did not read do not count, and after a sleep counting starts anew:
 * silence is counted in pings, not by the clock.
 */
import type { ForwardLimits } from '../forward/limits.ts';
import type { PodConnection, PodConnectionEvents, PodStream, PodStreamEvents } from '../forward/transport.ts';
import type { BytePipe, BytePipeEvents } from '../pipe/pipe.ts';
import {
  CONTROL,
  FLAG_FIN,
  FrameReader,
  MAX_DATA_PAYLOAD,
  RST_STATUS,
  encodeDataHeader,
  encodePing,
  encodeRstStream,
  encodeSynStream,
} from './frames.ts';
import { HeaderBlockEncoder } from './header-block.ts';
import { type PairCarrier, StreamPair } from './stream-pair.ts';

/** A timer this late (in ping intervals) means that the process or the machine was asleep. */
const ASLEEP_INTERVALS = 3;
/** Silent intervals after which new streams go elsewhere. */
const DOUBTFUL_AFTER_MISSED = 2;

export class SpdyConnection implements PodConnection, PairCarrier, BytePipeEvents {
  readonly shared = true;
  readonly limits: ForwardLimits;
  readonly #events: PodConnectionEvents;
  readonly #pipe: BytePipe;
  readonly #headers = new HeaderBlockEncoder();
  readonly #reader = new FrameReader({
    onData: (streamId, piece, fin) => this.#pairs.get(streamId)?.handleData(streamId, piece, fin),
    onControl: (type, flags, first, second) => this.#onControl(type, flags, first, second),
  });
  /** Each pair under both of its ids. */
  readonly #pairs = new Map<number, StreamPair>();
  readonly #holders = new Set<StreamPair>();
  readonly #pinger: NodeJS.Timeout;
  #nextStreamId = 1;
  #nextPingId = 1;
  #pairsOpened = 0;
  #intervalsMissed = 0;
  /** By the wall clock: the monotonic one stands still while the machine sleeps. */
  #lastIntervalMs = Date.now();
  #wokenUp = false;
  #podGoneTimer: NodeJS.Timeout | undefined;
  #retired = false;
  #closed = false;

  constructor(
    makePipe: (events: BytePipeEvents) => BytePipe,
    limits: ForwardLimits,
    events: PodConnectionEvents,
  ) {
    this.limits = limits;
    this.#events = events;
    this.#pipe = makePipe(this);
    this.#pinger = setInterval(() => this.#interval(), limits.pingMs);
    this.#pinger.unref();
  }

  get spent(): boolean {
    return this.#closed || this.#retired || this.#pairsOpened >= this.limits.streamsPerLife;
  }

  get held(): boolean {
    return this.#holders.size > 0;
  }

  get doubtful(): boolean {
    return this.held || this.#wokenUp || this.#intervalsMissed >= DOUBTFUL_AFTER_MISSED;
  }

  get streamCount(): number {
    return this.#pairs.size / 2;
  }

  open(port: number, events: PodStreamEvents): PodStream {
    const errorId = this.#nextStreamId;
    const dataId = errorId + 2;
    this.#nextStreamId += 4;
    const pair = new StreamPair(this, errorId, dataId, events);
    if (this.#closed) {
      queueMicrotask(() => pair.handleLost(new Error('the connection to the pod has just closed')));
      return pair;
    }
    this.#pairs.set(errorId, pair);
    this.#pairs.set(dataId, pair);
    // The server pairs the two streams by requestid; it only has to be unique in the connection.
    const requestId = String(this.#pairsOpened++);
    for (const [streamId, streamType] of [
      [errorId, 'error'],
      [dataId, 'data'],
    ] as const) {
      const block = this.#headers.encode([
        ['streamtype', streamType],
        ['port', String(port)],
        ['requestid', requestId],
      ]);
      this.#pipe.write(encodeSynStream(streamId, block), undefined, undefined);
    }
    return pair;
  }

  retire(): void {
    this.#retired = true;
    if (this.#pairs.size === 0) this.#pipe.end();
  }

  podGone(): void {
    this.retire();
    if (this.#closed) return;
    this.#podGoneTimer ??= setTimeout(() => {
      this.destroy(new Error('the pod is gone'));
    }, this.limits.podGoneMs);
  }

  destroy(cause: Error): void {
    this.#pipe.destroy(cause);
  }

  // ---- PairCarrier

  sendData(streamId: number, chunk: Uint8Array, done: () => void): void {
    for (let at = 0; at < chunk.length || at === 0; at += MAX_DATA_PAYLOAD) {
      const piece = chunk.subarray(at, at + MAX_DATA_PAYLOAD);
      const last = at + piece.length >= chunk.length;
      this.#pipe.write(encodeDataHeader(streamId, 0, piece.length), piece, last ? done : undefined);
    }
  }

  sendFin(streamId: number): void {
    this.#pipe.write(encodeDataHeader(streamId, FLAG_FIN, 0), undefined, undefined);
  }

  sendReset(streamId: number): void {
    this.#pipe.write(encodeRstStream(streamId, RST_STATUS.cancel), undefined, undefined);
  }

  holdReading(pair: StreamPair, hold: boolean): void {
    if (hold) {
      this.#holders.add(pair);
      this.#pipe.pause();
    } else if (this.#holders.delete(pair) && this.#holders.size === 0) {
      this.#pipe.resume();
    }
  }

  forget(pair: StreamPair): void {
    const known = this.#pairs.delete(pair.errorId) && this.#pairs.delete(pair.dataId);
    if (!known || this.#pairs.size > 0 || this.#closed) return;
    if (this.spent) this.#pipe.end();
    else this.#events.onIdle();
  }

  // ---- BytePipeEvents

  onData(chunk: Uint8Array): void {
    this.#intervalsMissed = 0;
    this.#wokenUp = false;
    try {
      this.#reader.feed(chunk);
    } catch (cause) {
      this.#pipe.destroy(cause instanceof Error ? cause : new Error(String(cause)));
    }
  }

  onClosed(cause: Error | undefined): void {
    this.#closed = true;
    clearInterval(this.#pinger);
    clearTimeout(this.#podGoneTimer);
    const why = cause ?? new Error('the API server has closed the connection to the pod');
    for (const pair of new Set(this.#pairs.values())) pair.handleLost(why);
    this.#pairs.clear();
    this.#events.onClosed();
  }

  #onControl(type: number, flags: number, first: number, second: number): void {
    switch (type) {
      case CONTROL.synReply: {
        const pair = this.#pairs.get(first);
        pair?.handleReply(first);
        if ((flags & FLAG_FIN) !== 0) pair?.handleData(first, new Uint8Array(0), true);
        break;
      }
      case CONTROL.rstStream:
        this.#pairs.get(first)?.handleReset(first);
        break;
      case CONTROL.ping:
        // Odd ids are answers to ours; the server's own pings are even, and are sent back.
        if (first % 2 === 0) this.#pipe.write(encodePing(first), undefined, undefined);
        break;
      case CONTROL.goAway:
        this.#goAway(first, second);
        break;
      case CONTROL.synStream:
        this.#pipe.write(encodeRstStream(first, RST_STATUS.refusedStream), undefined, undefined);
        break;
      default: // SETTINGS, HEADERS and WINDOW_UPDATE ask nothing of us
        break;
    }
  }

  /** The server takes no stream past `lastId` (SPDY/3.1, section 2.6.6); the others go on. */
  #goAway(lastId: number, status: number): void {
    const why = new Error(`the server ends the connection to the pod (GOAWAY ${status})`);
    for (const pair of new Set(this.#pairs.values())) {
      if (pair.dataId > lastId) pair.handleLost(why);
    }
    this.retire();
  }

  #interval(): void {
    const nowMs = Date.now();
    if (nowMs - this.#lastIntervalMs > ASLEEP_INTERVALS * this.limits.pingMs) {
      this.#wokenUp = true;
      this.#intervalsMissed = 0;
    }
    this.#lastIntervalMs = nowMs;
    if (this.held) {
      this.#intervalsMissed = 0;
      return;
    }
    if (this.#intervalsMissed >= this.limits.pingsMissed) {
      const seconds = (this.limits.pingsMissed * this.limits.pingMs) / 1000;
      this.#pipe.destroy(new Error(`the API server has been silent for ${seconds} s`));
      return;
    }
    this.#intervalsMissed++;
    this.#pipe.write(encodePing(this.#nextPingId), undefined, undefined);
    this.#nextPingId = (this.#nextPingId + 2) >>> 0;
  }
}
