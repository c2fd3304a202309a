/**
 * One forwarded TCP connection in SPDY: a data stream, and an error stream that
 * carries nothing but the text of a failure.
 *
 * Opening: both streams are asked for at once. The far end drops data frames of
 * a stream that it has not replied to (moby/spdystream does so without a word),
 * hence our half of the error stream is closed upon its reply, and bytes of the
 * near side may be written from the data stream's reply on.
 *
 * Closing: the data stream's FIN alone says nothing. When the pod resets, it
 * comes before the error text, so it is held until the error stream has closed
 * too; the wait has a limit (`streamPairCloseMs`) against servers that forget
 * one of the two. It does not count while the connection is not read.
 *
 * Reading: SPDY as spoken here has no flow control. While the near side is
 * paused, what comes is copied and kept, up to `unreadBytes`; past that the whole
 * connection stops reading until the near side has caught up, or the
 * connection ends this one for the sake of the others.
 */
import type { ForwardLimits } from '../forward/limits.ts';
import type { PodStream, PodStreamEvents, StreamOutcome } from '../forward/transport.ts';

/** A lingering stream that brings more than this is at work after all. */
const LINGERING_BYTES = 64 * 1024;
/** What is kept of an error text. */
const ERROR_TEXT_LIMIT = 4096;

/** What a pair needs of the connection it lives in. */
export interface PairCarrier {
  readonly limits: ForwardLimits;
  /** Reading has stopped for the sake of some pair. */
  readonly held: boolean;
  sendData(streamId: number, chunk: Uint8Array, done: () => void): void;
  sendFin(streamId: number): void;
  sendReset(streamId: number): void;
  /** Stops the reading of the whole connection for the sake of this pair, or no longer. */
  holdReading(pair: StreamPair, hold: boolean): void;
  /** The pair makes no claim on the connection of its own, or does so again. */
  setLingering(pair: StreamPair, lingering: boolean): void;
  /** The pair takes part no more. */
  forget(pair: StreamPair): void;
}

export class StreamPair implements PodStream {
  readonly errorId: number;
  readonly dataId: number;
  readonly #carrier: PairCarrier;
  readonly #events: PodStreamEvents;
  #replied = false;
  #finSent = false;
  #dataEnded = false;
  #dataReset = false;
  #errorEnded = false;
  #errorText = '';
  #closed = false;
  #pairTimer: NodeJS.Timeout | undefined;
  /** How much more may come until a lingering stream lingers no more. */
  #lingeringBytes = 0;

  #paused = false;
  #holding = false;
  #unread: Uint8Array[] = [];
  #unreadBytes = 0;
  /** Set when all is said on the wire and only unread bytes are left to deliver. */
  #pendingOutcome: StreamOutcome | undefined;

  constructor(carrier: PairCarrier, errorId: number, dataId: number, events: PodStreamEvents) {
    this.#carrier = carrier;
    this.errorId = errorId;
    this.dataId = dataId;
    this.#events = events;
  }

  write(chunk: Uint8Array, done: () => void): void {
    if (this.#closed || this.#finSent) queueMicrotask(done);
    else this.#carrier.sendData(this.dataId, chunk, done);
  }

  finish(): void {
    if (this.#closed || this.#finSent) return;
    this.#finSent = true;
    this.#carrier.sendFin(this.dataId);
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    // The receiver may pause again at any chunk, or abort.
    while (this.#unread.length > 0 && !this.#paused && !this.#closed) {
      const chunk = this.#unread[0];
      this.#unread.shift();
      this.#unreadBytes -= chunk.length;
      this.#events.onData(chunk);
    }
    if (this.#closed) return;
    if (this.#holding && this.#unreadBytes <= this.#carrier.limits.unreadBytes / 2) this.#hold(false);
    if (this.#unread.length === 0 && this.#pendingOutcome) this.#close(this.#pendingOutcome);
  }

  linger(): void {
    if (this.#closed) return;
    this.#lingeringBytes = LINGERING_BYTES;
    this.#carrier.setLingering(this, true);
  }

  abort(): void {
    if (this.#closed) return;
    this.#leave();
  }

  /** The server has taken the stream up. */
  get replied(): boolean {
    return this.#replied;
  }

  // ---- what comes from the connection

  handleReply(streamId: number): void {
    if (this.#closed) return;
    if (streamId === this.errorId) {
      this.#carrier.sendFin(this.errorId);
    } else if (!this.#replied) {
      this.#replied = true;
      this.#events.onReply();
    }
  }

  handleData(streamId: number, piece: Uint8Array, fin: boolean): void {
    if (this.#closed) return;
    if (piece.length > 0) {
      if (streamId === this.errorId) this.#addErrorText(piece);
      else this.#deliver(piece);
    }
    if (fin) this.#ended(streamId, false);
  }

  handleReset(streamId: number): void {
    this.#ended(streamId, true);
  }

  handleLost(cause: Error): void {
    // What has ended in order before is still delivered.
    if (!this.#pendingOutcome) this.#close({ kind: 'lost', cause });
  }

  /** Others wait behind this one. */
  handleStalled(): void {
    const seconds = this.#carrier.limits.stalledMs / 1000;
    const text = `it was not read for ${seconds} s, and held up other connections to the pod`;
    this.#close({ kind: 'failed', text });
  }

  #deliver(piece: Uint8Array): void {
    if (this.#lingeringBytes > 0) this.#work(piece.length);
    if (!this.#paused && this.#unread.length === 0) {
      this.#events.onData(piece);
      return;
    }
    this.#unread.push(new Uint8Array(piece));
    this.#unreadBytes += piece.length;
    if (this.#unreadBytes > this.#carrier.limits.unreadBytes) this.#hold(true);
  }

  #work(length: number): void {
    this.#lingeringBytes -= length;
    if (this.#lingeringBytes <= 0) this.#carrier.setLingering(this, false);
  }

  #addErrorText(piece: Uint8Array): void {
    const text = this.#errorText + Buffer.from(piece).toString();
    this.#errorText = text.slice(0, ERROR_TEXT_LIMIT);
    this.#awaitOther();
  }

  #ended(streamId: number, reset: boolean): void {
    if (this.#closed) return;
    if (streamId === this.errorId) {
      this.#errorEnded = true;
    } else {
      this.#dataEnded = true;
      this.#dataReset ||= reset;
    }
    if (this.#errorEnded && (this.#dataEnded || this.#errorText !== '')) this.#conclude();
    else this.#awaitOther();
  }

  #awaitOther(): void {
    this.#pairTimer ??= setTimeout(() => {
      this.#pairTimer = undefined;
      if (this.#carrier.held) this.#awaitOther();
      else this.#conclude();
    }, this.#carrier.limits.streamPairCloseMs);
  }

  #conclude(): void {
    if (this.#errorText !== '') this.#close({ kind: 'failed', text: this.#errorText });
    else if (this.#dataReset) this.#close({ kind: 'failed', text: 'the server has reset the stream' });
    else if (this.#unread.length > 0) this.#pendingOutcome = { kind: 'ended' };
    else this.#close({ kind: 'ended' });
  }

  #close(outcome: StreamOutcome): void {
    if (this.#closed) return;
    // Both ends have to have closed a stream before the server lets go of it.
    if (outcome.kind === 'ended' && !this.#dataReset) this.finish();
    this.#leave();
    this.#events.onClosed(outcome);
  }

  #leave(): void {
    this.#closed = true;
    clearTimeout(this.#pairTimer);
    if (!this.#dataEnded || !this.#finSent) this.#carrier.sendReset(this.dataId);
    if (!this.#errorEnded) this.#carrier.sendReset(this.errorId);
    this.#hold(false);
    this.#unread = [];
    this.#unreadBytes = 0;
    this.#carrier.forget(this);
  }

  #hold(hold: boolean): void {
    if (this.#holding === hold) return;
    this.#holding = hold;
    this.#carrier.holdReading(this, hold);
  }
}
