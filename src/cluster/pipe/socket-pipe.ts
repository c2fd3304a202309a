/** A pipe that is the upgraded socket itself; also the lower half of a WebSocket's. */
import type { Duplex } from 'node:stream';
import { Socket } from 'node:net';
import { takeReads } from '../agent/shared-reads.ts';
import { pathIsAlive } from './kernel-view.ts';
import { type Framing, Outgoing, UNFRAMED } from './outgoing.ts';
import { type BytePipe, type BytePipeEvents, CLOSE_WAIT_MS } from './pipe.ts';

/** The kernel probes a silent connection after this; what is above TCP has its own pings. */
const TCP_KEEPALIVE_MS = 15_000;

export class SocketPipe implements BytePipe {
  readonly #socket: Duplex;
  readonly #events: BytePipeEvents;
  readonly #outgoing: Outgoing;
  #ended = false;
  #closed = false;
  #cause: Error | undefined;
  #closeTimer: NodeJS.Timeout | undefined;

  /** @param early what came in one packet with the answer to the upgrade */
  constructor(socket: Duplex, early: Uint8Array, events: BytePipeEvents, framing: Framing = UNFRAMED) {
    this.#socket = socket;
    this.#outgoing = new Outgoing(socket, framing);
    this.#events = events;
    if (socket instanceof Socket) {
      socket.setNoDelay(true);
      socket.setTimeout(0);
      socket.setKeepAlive(true, TCP_KEEPALIVE_MS);
    }
    if (early.length > 0) socket.unshift(early);
    const take = (chunk: Uint8Array): void => {
      if (!this.#closed) events.onData(chunk, false);
    };
    socket.on('data', take);
    takeReads(socket, take);
    socket.once('end', () => socket.destroy());
    socket.once('error', (error) => {
      this.#cause ??= error;
    });
    socket.once('close', () => {
      clearTimeout(this.#closeTimer);
      this.#close();
    });
  }

  /** @param opcode for a framing that has them */
  write(head: Uint8Array, payload: Uint8Array | undefined, done: (() => void) | undefined, opcode = 0): void {
    if (!this.#closed && !this.#ended) this.#outgoing.write(opcode, head, payload, done);
    else if (done) queueMicrotask(done);
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
    this.#ended = true;
    this.#outgoing.whenEmpty(() => this.#socket.end());
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
