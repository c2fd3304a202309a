/**
 * One try of a connection at one pod: an upgraded connection from the pool, a
 * stream in it, and the server's reply to that, for which it has `replyMs`.
 */
import { monotonicMs } from '../../../monotonic.ts';
import type { Target } from '../../discovery/endpoints.ts';
import type { Forwarder } from '../forwarder.ts';
import type { PodConnection, PodStream, PodStreamEvents, StreamOutcome } from '../transport.ts';

export interface AttemptEvents {
  /** The server has taken up the stream: it may be written to. */
  onReply(stream: PodStream, roundTripMs: number): void;
  /** @param chunk the receiver's until it returns */
  onData(chunk: Uint8Array): void;
  /** Once, and last; not after `abandon`. */
  onClosed(outcome: StreamOutcome): void;
}

export class Attempt implements PodStreamEvents {
  readonly #target: Target;
  readonly #forwarder: Forwarder;
  readonly #events: AttemptEvents;
  #connection: PodConnection | undefined;
  #stream: PodStream | undefined;
  #openedAtMs = 0;
  #replyTimer: NodeJS.Timeout | undefined;
  #replied = false;
  #paused = false;
  #over = false;

  constructor(target: Target, forwarder: Forwarder, events: AttemptEvents) {
    this.#target = target;
    this.#forwarder = forwarder;
    this.#events = events;
  }

  /** The server has taken the stream up. */
  get replied(): boolean {
    return this.#replied;
  }

  /** Silence may be that of the connection, and say nothing of the pod. */
  get doubtful(): boolean {
    return this.#connection?.doubtful ?? false;
  }

  /** How long the server has been asked for a connection to the pod. */
  get unansweredMs(): number {
    return this.#forwarder.pool.unansweredMs(this.#target);
  }

  /** Resolves when the server has been asked for a stream. @throws as `ConnectionPool.withConnection` */
  open(): Promise<void> {
    return this.#forwarder.pool.withConnection(this.#target, (connection) => {
      if (!this.#over) this.#openIn(connection);
    });
  }

  pause(): void {
    this.#paused = true;
    this.#stream?.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#stream?.resume();
  }

  /** The near side has nothing more to say. */
  linger(): void {
    this.#stream?.linger();
  }

  /** Tells the server so. */
  finish(): void {
    this.#stream?.finish();
  }

  /** The pod's sandbox is no more: the connection leads nowhere. */
  sandboxGone(): void {
    if (this.#connection) this.#forwarder.pool.sandboxGone(this.#target.pod, this.#connection);
  }

  /** Ends it at once; nothing is told any more. */
  abandon(): void {
    this.#over = true;
    clearTimeout(this.#replyTimer);
    this.#stream?.abort();
    this.#stream = undefined;
  }

  // ---- PodStreamEvents

  onReply(): void {
    if (!this.#stream) return;
    clearTimeout(this.#replyTimer);
    this.#replied = true;
    this.#events.onReply(this.#stream, monotonicMs() - this.#openedAtMs);
  }

  onData(chunk: Uint8Array): void {
    this.#events.onData(chunk);
  }

  onClosed(outcome: StreamOutcome): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#replyTimer);
    this.#stream = undefined;
    this.#events.onClosed(outcome);
  }

  #openIn(connection: PodConnection): void {
    const { replyMs } = this.#forwarder.limits;
    this.#connection = connection;
    this.#openedAtMs = monotonicMs();
    this.#stream = connection.open(this.#target.port, this);
    if (this.#paused) this.#stream.pause();
    this.#replyTimer = setTimeout(() => {
      connection.retire();
      this.#stream?.abort();
      this.onClosed({ kind: 'lost', cause: new Error(`no reply within ${replyMs / 1000} s`) });
    }, replyMs);
  }
}
