/**
 * A SPDY connection to a pod: pairs of streams in one pipe, pings, and the end of all of it.
 *
 * Client stream ids are odd and rise; a pair takes two. A pipe that fails ends
 * every pair with `lost`; the failure of a pair touches no other.
 *
 * A pair whose near side does not read holds up the reading of the whole
 * connection once too much of it lies here unread. The connection is then
 * `doubtful`: new streams go elsewhere. Where others wait behind such a pair for
 * longer than `stalledMs`, it is ended for their sake; where it is alone, or
 * only lingering ones are with it, it may wait for ever.
 *
 * Whether the far end lives is the heartbeat's business (pipe/heartbeat.ts).
 */
import type { ForwardLimits } from '../forward/limits.ts';
import type { PodConnection, PodConnectionEvents, PodStream, PodStreamEvents } from '../forward/transport.ts';
import { CLOGGING_BYTES, Heartbeat } from '../pipe/heartbeat.ts';
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

export class SpdyConnection implements PodConnection, PairCarrier, BytePipeEvents {
  readonly onlyPort = undefined;
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
  readonly #lingering = new Set<StreamPair>();
  readonly #holders = new Set<StreamPair>();
  readonly #heartbeat: Heartbeat;
  #nextStreamId = 1;
  #nextPingId = 1;
  #pairsOpened = 0;
  /** Stream data, in all; as of the last ping; and as of the last ping before the last sign of life. */
  #sentBytes = 0;
  #sentAtPing = 0;
  #sentAtHeard = 0;
  #stallTimer: NodeJS.Timeout | undefined;
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
    this.#heartbeat = new Heartbeat(limits, {
      ping: () => this.#ping(),
      deaf: () => this.held,
      clogged: () => this.#sentBytes - this.#sentAtHeard > CLOGGING_BYTES && this.#pipe.pathIsAlive(),
      unanswered: () => this.#moveUnanswered(),
      dead: (cause) => this.#pipe.destroy(cause),
    });
  }

  get spent(): boolean {
    return this.#closed || this.#retired || this.#pairsOpened >= this.limits.streamsPerLife;
  }

  get held(): boolean {
    return this.#holders.size > 0;
  }

  get doubtful(): boolean {
    return this.held || this.#heartbeat.doubtful;
  }

  get streamCount(): number {
    return this.#pairs.size / 2;
  }

  get load(): number {
    return this.streamCount - this.#lingering.size;
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
    this.#heartbeat.expectAnswer();
    return pair;
  }

  suspect(): void {
    if (!this.#closed) this.#heartbeat.suspect();
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
    this.#sentBytes += chunk.length;
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
      this.#stallTimer ??= setTimeout(() => this.#stalled(), this.limits.stalledMs);
    } else if (this.#holders.delete(pair) && this.#holders.size === 0) {
      clearTimeout(this.#stallTimer);
      this.#stallTimer = undefined;
      this.#pipe.resume();
    }
  }

  setLingering(pair: StreamPair, lingering: boolean): void {
    if (!lingering) {
      this.#lingering.delete(pair);
    } else if (this.#pairs.has(pair.dataId)) {
      this.#lingering.add(pair);
      this.#events.onEased();
    }
  }

  forget(pair: StreamPair): void {
    this.#lingering.delete(pair);
    const known = this.#pairs.delete(pair.errorId) && this.#pairs.delete(pair.dataId);
    if (!known || this.#closed) return;
    if (this.spent && this.#pairs.size === 0) this.#pipe.end();
    else this.#events.onEased();
  }

  // ---- BytePipeEvents

  onData(chunk: Uint8Array): void {
    this.#sentAtHeard = this.#sentAtPing;
    this.#heartbeat.heard();
    try {
      this.#reader.feed(chunk);
    } catch (cause) {
      this.#pipe.destroy(cause instanceof Error ? cause : new Error(String(cause)));
    }
  }

  onClosed(cause: Error | undefined): void {
    this.#closed = true;
    this.#heartbeat.stop();
    clearTimeout(this.#stallTimer);
    clearTimeout(this.#podGoneTimer);
    const why = cause ?? new Error('the API server has closed the connection to the pod');
    for (const pair of this.#all()) pair.handleLost(why);
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
    for (const pair of this.#all()) if (pair.dataId > lastId) pair.handleLost(why);
    this.retire();
  }

  #ping(): void {
    this.#sentAtPing = this.#sentBytes;
    this.#pipe.write(encodePing(this.#nextPingId), undefined, undefined);
    this.#nextPingId = (this.#nextPingId + 2) >>> 0;
  }

  /** Those that the server has not taken up have sent nothing yet: another connection may have them. */
  #moveUnanswered(): void {
    const why = new Error('the connection to the pod does not answer');
    for (const pair of this.#all()) if (!pair.replied) pair.handleLost(why);
  }

  /** Reading has been held up for too long. */
  #stalled(): void {
    this.#stallTimer = undefined;
    const holders = [...this.#holders];
    if (this.load > holders.length) for (const pair of holders) pair.handleStalled();
    else this.#stallTimer = setTimeout(() => this.#stalled(), this.limits.stalledMs);
  }

  #all(): Set<StreamPair> {
    return new Set(this.#pairs.values());
  }
}
