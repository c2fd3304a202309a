/**
 * The oldest transport, v4.channel.k8s.io: one WebSocket per TCP connection.
 *
 * Each binary message starts with a channel: 0 is data, 1 the error text. The
 * first message on each channel is the port (uint16, little-endian), which
 * serves as the reply here. There is no half-close: ending our direction ends
 * the WebSocket. The server ends the connection in order by a Close frame, and by
 * nothing else; what is cut off without one is lost.
 */
import type { PodConnection, PodConnectionEvents, PodStream, PodStreamEvents } from './forward/transport.ts';
import type { ForwardLimits } from './forward/limits.ts';
import { CLOGGING_BYTES, Heartbeat } from './pipe/heartbeat.ts';
import type { BytePipeEvents, PingablePipe } from './pipe/pipe.ts';

export const CHANNEL_PROTOCOL = 'v4.channel.k8s.io';

const DATA_CHANNEL = 0;
const ERROR_CHANNEL = 1;
const DATA_PREFIX = Uint8Array.of(DATA_CHANNEL);
/** The port that each channel begins with. */
const PREAMBLE_BYTES = 2;
const ERROR_TEXT_LIMIT = 4096;

export class ChannelConnection implements PodConnection, PodStream, BytePipeEvents {
  readonly onlyPort: number;
  readonly #connectionEvents: PodConnectionEvents;
  readonly #pipe: PingablePipe;
  readonly #heartbeat: Heartbeat;
  readonly #podGoneMs: number;
  #podGoneTimer: NodeJS.Timeout | undefined;
  #events: PodStreamEvents | undefined;
  #channel = DATA_CHANNEL;
  /** Bytes of the preamble still to come, per channel. */
  readonly #preambleLeft = [PREAMBLE_BYTES, PREAMBLE_BYTES];
  #errorText = '';
  #opened = false;
  #finished = false;
  #paused = false;
  /** The command's bytes since the last sign of life. */
  #unansweredBytes = 0;
  #closed = false;
  #closeCause: Error | undefined;

  constructor(
    port: number,
    makePipe: (events: BytePipeEvents) => PingablePipe,
    limits: ForwardLimits,
    events: PodConnectionEvents,
  ) {
    this.onlyPort = port;
    this.#connectionEvents = events;
    this.#podGoneMs = limits.podGoneMs;
    this.#pipe = makePipe(this);
    this.#heartbeat = new Heartbeat(limits, {
      ping: () => this.#pipe.ping(),
      deaf: () => this.#paused || !this.#events,
      clogged: () => this.#unansweredBytes > CLOGGING_BYTES && this.#pipe.pathIsAlive(),
      unanswered: () => {}, // it has one stream, which its dial watches over
      dead: (cause) => this.#pipe.destroy(cause),
    });
    // Nothing may arrive before there is a stream to take it.
    this.#pipe.pause();
  }

  get spent(): boolean {
    return this.#closed || this.#opened;
  }

  get doubtful(): boolean {
    return this.#heartbeat.doubtful;
  }

  get streamCount(): number {
    return this.#events ? 1 : 0;
  }

  get load(): number {
    return this.streamCount;
  }

  /** The port was given when the WebSocket was opened. */
  open(_port: number, events: PodStreamEvents): PodStream {
    this.#opened = true;
    this.#events = events;
    if (this.#closed) queueMicrotask(() => this.#report());
    else this.#pipe.resume();
    return this;
  }

  suspect(): void {
    this.#heartbeat.suspect();
  }

  retire(): void {
    if (!this.#events) this.#pipe.end();
  }

  podGone(): void {
    if (this.#closed) return;
    this.#podGoneTimer ??= setTimeout(() => {
      this.destroy(new Error('the pod is gone'));
    }, this.#podGoneMs);
  }

  destroy(cause: Error): void {
    this.#pipe.destroy(cause);
  }

  // ---- PodStream

  write(chunk: Uint8Array, done: () => void): void {
    this.#unansweredBytes += chunk.length;
    this.#pipe.write(DATA_PREFIX, chunk, done);
  }

  finish(): void {
    this.#finished = true;
    this.#pipe.end();
  }

  linger(): void {} // nobody shares the connection

  pause(): void {
    this.#paused = true;
    this.#pipe.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#pipe.resume();
  }

  abort(): void {
    this.#events = undefined;
    this.#pipe.end();
  }

  // ---- BytePipeEvents

  onPong(): void {
    this.#heard();
  }

  onData(chunk: Uint8Array, startsMessage: boolean): void {
    this.#heard();
    let at = 0;
    if (startsMessage) {
      if (chunk.length === 0) return;
      this.#channel = chunk[0];
      at = 1;
    }
    if (this.#channel > ERROR_CHANNEL) return;
    const preamble = Math.min(this.#preambleLeft[this.#channel], chunk.length - at);
    if (preamble > 0) {
      at += preamble;
      this.#preambleLeft[this.#channel] -= preamble;
      if (this.#channel === DATA_CHANNEL && this.#preambleLeft[DATA_CHANNEL] === 0) this.#events?.onReply();
    }
    if (at === chunk.length) return;
    if (this.#channel === DATA_CHANNEL) this.#events?.onData(chunk.subarray(at));
    else {
      const text = this.#errorText + Buffer.from(chunk.subarray(at)).toString();
      this.#errorText = text.slice(0, ERROR_TEXT_LIMIT);
    }
  }

  onClosed(cause: Error | undefined): void {
    this.#closed = true;
    this.#heartbeat.stop();
    clearTimeout(this.#podGoneTimer);
    this.#closeCause = cause;
    this.#report();
    this.#connectionEvents.onClosed();
  }

  #heard(): void {
    this.#unansweredBytes = 0;
    this.#heartbeat.heard();
  }

  #report(): void {
    const events = this.#events;
    if (this.#errorText !== '') events?.onClosed({ kind: 'failed', text: this.#errorText });
    else if (this.#closeCause && !this.#finished) events?.onClosed({ kind: 'lost', cause: this.#closeCause });
    else events?.onClosed({ kind: 'ended' });
  }
}
