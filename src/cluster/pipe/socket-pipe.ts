/** A pipe that is the upgraded socket itself; also the lower half of a WebSocket's. */
import type { Duplex } from 'node:stream';
import { Socket } from 'node:net';
import { pathIsAlive } from './kernel-view.ts';
import { type BytePipe, type BytePipeEvents, CLOSE_WAIT_MS } from './pipe.ts';

/** Below this, copying costs less than another piece in the socket's queue, or another packet. */
const GATHER_BELOW_BYTES = 4096;
/** The kernel probes a silent connection after this; what is above TCP has its own pings. */
const TCP_KEEPALIVE_MS = 15_000;

export class SocketPipe implements BytePipe {
  readonly #socket: Duplex;
  readonly #events: BytePipeEvents;
  #gathering = false;
  #closed = false;
  #cause: Error | undefined;
  #closeTimer: NodeJS.Timeout | undefined;

  /** @param early what came in one packet with the answer to the upgrade */
  constructor(socket: Duplex, early: Uint8Array, events: BytePipeEvents) {
    this.#socket = socket;
    this.#events = events;
    if (socket instanceof Socket) {
      socket.setNoDelay(true);
      socket.setTimeout(0);
      socket.setKeepAlive(true, TCP_KEEPALIVE_MS);
    }
    if (early.length > 0) socket.unshift(early);
    socket.on('data', (chunk: Uint8Array) => {
      if (!this.#closed) events.onData(chunk, false);
    });
    socket.once('end', () => socket.destroy());
    socket.once('error', (error) => {
      this.#cause ??= error;
    });
    socket.once('close', () => {
      clearTimeout(this.#closeTimer);
      this.#close();
    });
  }

  write(head: Uint8Array, payload: Uint8Array | undefined, done: (() => void) | undefined): void {
    if (this.#closed || this.#socket.writableEnded) {
      if (done) queueMicrotask(done);
      return;
    }
    if (head.length + (payload?.length ?? 0) < GATHER_BELOW_BYTES) {
      this.#gather();
      this.#socket.write(payload === undefined ? head : Buffer.concat([head, payload]), done);
    } else if (payload === undefined) {
      this.#socket.write(head, done);
    } else {
      // In one packet with its head, and not held back for what may come later in the tick.
      this.#socket.cork();
      this.#socket.write(head);
      this.#socket.write(payload, done);
      this.#socket.uncork();
    }
  }

  /** Holds back what is written until the end of the tick. */
  #gather(): void {
    if (this.#gathering) return;
    this.#gathering = true;
    this.#socket.cork();
    process.nextTick(() => {
      this.#gathering = false;
      this.#socket.uncork();
    });
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    if (!this.#closed) this.#socket.resume();
  }

  pathIsAlive(): boolean {
    return !(this.#socket instanceof Socket) || pathIsAlive(this.#socket) !== false;
  }

  end(): void {
    if (this.#closed || this.#closeTimer) return;
    this.#socket.end();
    this.#socket.resume();
    this.#closeTimer = setTimeout(() => this.#socket.destroy(), CLOSE_WAIT_MS);
  }

  destroy(cause?: Error): void {
    this.#cause ??= cause;
    this.#socket.destroy();
    this.#close();
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#events.onClosed(this.#cause);
  }
}
