/**
 * A relayed connection's far side by a bare socket of the host's network: what
 * every direct flow takes, so what it costs is what the way out costs.
 *
 * It does as HostStream does, which has a Node socket that a proxy or an API
 * server has been talked to by before. Events are edges (sandbox/stream.ts): that
 * there may be something to read is remembered until a read has found nothing.
 *
 * There is no timer: the kernel gives up a dial after 127 s (tcp(7),
 * tcp_syn_retries), and the near side's request has a bound of its own.
 */

import {
  type StreamSocket,
  type StreamSocketEvents,
  type StreamSockets,
  systemError,
  wouldBlock,
} from '../../../sandbox/index.ts';
import { LINGER_TIMEOUT_MS } from '../../relay/linger.ts';
import { type RemoteStream, RemoteStreamError, type RemoteStreamEvents } from '../../relay/stream.ts';
import { dialError } from './dial-error.ts';
import { type IdleBlocks, ReadBlocks } from '../../relay/read-blocks.ts';

/** What one stream reads before others have their turn, and before it is passed on: what a core's own cache holds. */
const TURN_BYTES = 256 << 10;

interface Unwritten {
  readonly chunk: Uint8Array;
  readonly done: () => void;
}

export class DirectStream implements RemoteStream, StreamSocketEvents {
  readonly #events: RemoteStreamEvents;
  readonly #reads: ReadBlocks;
  /** Until it is closed. */
  #socket: StreamSocket | undefined;
  #established = false;
  #destroyed = false;
  #readable = false;
  /** A FIN, an error or urgent data is behind the bytes, whose edge will not come again: a short read says nothing. */
  #endWaits = false;
  #readEnded = false;
  #paused = false;
  /** A turn of reading is to come. */
  #turnWaits = false;
  readonly #unwritten: Unwritten[] = [];
  /** Of the first of them. */
  #writtenBytes = 0;
  /** Of a write that has failed; 0 while none has. */
  #writeErrno = 0;
  #ended = false;
  /** The FIN has been sent. */
  #finished = false;
  #lingering: NodeJS.Timeout | undefined;

  constructor(
    sockets: Pick<StreamSockets, 'connect'>,
    { address, port }: { address: Uint8Array; port: number },
    idle: IdleBlocks,
    events: RemoteStreamEvents,
  ) {
    this.#events = events;
    this.#reads = new ReadBlocks(idle);
    try {
      this.#socket = sockets.connect(address, port, this);
      if (this.#socket.established) queueMicrotask(() => this.#begin());
    } catch (error) {
      queueMicrotask(() => this.#fail(dialError(error)));
    }
  }

  onReady(readable: boolean, writable: boolean, ended: boolean): void {
    if (!this.#established && !this.#connected(writable || ended)) return;
    if (writable) this.#flush();
    if (!readable && !ended) return;
    this.#readable = true;
    if (ended) this.#endWaits = true;
    this.#read();
  }

  /** @returns whether the connection stands */
  #connected(settled: boolean): boolean {
    if (!settled || this.#socket === undefined) return false;
    const errno = this.#socket.error();
    if (errno !== 0) {
      this.#fail(dialError(systemError('connect', errno)));
      return false;
    }
    this.#begin();
    return true;
  }

  #begin(): void {
    if (this.#socket === undefined) return;
    this.#established = true;
    this.#events.onEstablished();
  }

  write(chunk: Uint8Array, done: () => void): void {
    if (this.#writeErrno !== 0) {
      done();
      return;
    }
    this.#unwritten.push({ chunk, done });
    if (this.#unwritten.length === 1) this.#flush();
  }

  end(): void {
    this.#ended = true;
    if (this.#unwritten.length === 0) this.#finish();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#read();
  }

  reclaim(heldBytes: number): void {
    this.#reads.reclaim(heldBytes);
    if (!this.#readable) this.#reads.rest();
  }

  destroy(): void {
    if (this.#destroyed) return;
    this.#destroyed = true;
    // Ended on both sides, it closes once all is sent; else the far end is to know that nobody reads on.
    const complete = this.#ended && this.#readEnded;
    if (!complete || this.#unwritten.length === 0) this.#close(!complete && this.#established);
    else this.#lingering = setTimeout(() => this.#close(true), LINGER_TIMEOUT_MS).unref();
  }

  #read(): void {
    let left = TURN_BYTES;
    while (this.#readable && !this.#paused && !this.#destroyed && this.#socket !== undefined) {
      if (left <= 0) {
        this.#readLater();
        return;
      }
      const { block, offset } = this.#reads;
      const length = this.#socket.read(block, offset);
      if (length <= 0) {
        this.#nothingRead(-length);
        break;
      }
      left -= length;
      this.#readable = this.#endWaits || length === block.length - offset;
      this.#events.onData(this.#reads.took(length));
    }
    if (!this.#readable) this.#reads.rest();
  }

  #readLater(): void {
    if (this.#turnWaits) return;
    this.#turnWaits = true;
    setImmediate(() => {
      this.#turnWaits = false;
      this.#read();
    });
  }

  #nothingRead(errno: number): void {
    this.#readable = false;
    if (this.#writeErrno !== 0) {
      this.#broken('write', this.#writeErrno);
    } else if (errno === 0) {
      if (this.#readEnded) return;
      this.#readEnded = true;
      this.#events.onEnd();
    } else if (!wouldBlock(errno)) {
      this.#broken('read', errno);
    }
  }

  #flush(): void {
    while (this.#socket !== undefined && this.#unwritten.length > 0) {
      const [{ chunk, done }] = this.#unwritten;
      const taken = this.#socket.write(chunk, this.#writtenBytes);
      if (taken < 0) {
        if (!wouldBlock(-taken)) this.#writeFailed(-taken);
        return;
      }
      this.#writtenBytes += taken;
      this.#lingering?.refresh();
      // An edge comes once there is room again.
      if (this.#writtenBytes < chunk.length) return;
      this.#writtenBytes = 0;
      this.#unwritten.shift();
      done();
    }
    if (!this.#ended || this.#unwritten.length > 0) return;
    this.#finish();
    if (this.#destroyed) this.#close(false);
  }

  /** Once: shutdown(2) makes an edge each time, and so would be called again for its own. */
  #finish(): void {
    if (this.#finished) return;
    this.#finished = true;
    this.#socket?.finish();
  }

  /**
   * Whoever takes no more may have said why: that is read first, and by its end the near side hears of it. Which
   * may be in the middle of its own work now.
   */
  #writeFailed(errno: number): void {
    this.#writeErrno = errno;
    this.#dropUnwritten();
    queueMicrotask(() => {
      if (this.#destroyed) this.#close(false);
      this.#readable = this.#endWaits = true;
      this.#read();
      if (!this.#destroyed) this.#events.onBrokenPipe?.();
    });
  }

  #dropUnwritten(): void {
    for (const { done } of this.#unwritten.splice(0)) done();
  }

  #broken(call: string, errno: number): void {
    const cause = systemError(call, errno);
    this.#fail(new RemoteStreamError('reset', cause.message, { cause }));
  }

  #fail(error: RemoteStreamError): void {
    const told = this.#destroyed;
    this.#destroyed = true;
    this.#close(false);
    if (!told) this.#events.onError(error);
  }

  #close(reset: boolean): void {
    const socket = this.#socket;
    if (socket === undefined) return;
    this.#socket = undefined;
    clearTimeout(this.#lingering);
    socket.close(reset);
    this.#reads.rest();
    this.#dropUnwritten();
  }
}
