/**
 * TCP sockets of the host's network, without Node's streams around them: see
 * sandbox/native/addon/stream.c for why, and for what an edge is.
 *
 * A socket is told when something may be read or written, or has ended; what
 * that is it finds by trying. Nothing is queued here.
 */

import { constants } from 'node:os';
import { getSystemErrorName } from 'node:util';
import { type Addon, loadNative, type StreamsHandle } from './native/addon.ts';

/** Events that are told at once; then the event loop goes on to others. */
const BATCH = 64;

/** See sandbox/native/addon/stream.c. */
const EVENT_WORDS = 2;
const [READABLE, WRITABLE, ENDED] = [1, 2, 4];

const MAX_ID = 0x7fff_ffff;

export interface StreamSocketEvents {
  /**
   * Something has changed: the first time, the connection is there or has failed (`error`).
   *
   * @param ended the peer has sent its FIN, or the connection is over: reading tells which
   */
  onReady(readable: boolean, writable: boolean, ended: boolean): void;
}

export class StreamSocket {
  readonly #api: Addon;
  readonly #fd: number;
  readonly #forget: () => void;

  constructor(api: Addon, fd: number, forget: () => void) {
    this.#api = api;
    this.#fd = fd;
    this.#forget = forget;
  }

  /** The errno that the connection has failed by, or 0. */
  error(): number {
    return this.#api.streamError(this.#fd);
  }

  /** @returns bytes read to `offset` and behind, 0 at the peer's FIN, or the errno as a negative number */
  read(buffer: Uint8Array, offset: number): number {
    return this.#api.readStream(this.#fd, buffer, offset);
  }

  /** @returns how many bytes from `offset` on were taken, or the errno as a negative number */
  write(bytes: Uint8Array, offset: number): number {
    return this.#api.writeStream(this.#fd, bytes, offset);
  }

  /** Sends a FIN behind what was written. */
  finish(): void {
    this.#api.finishStream(this.#fd);
  }

  /** Once, and nothing after it. @param reset by RST, and not by a FIN behind what was written */
  close(reset: boolean): void {
    this.#forget();
    this.#api.closeStream(this.#fd, reset);
  }
}

/** They keep the process alive until they are closed. */
export class StreamSockets {
  readonly #api: Addon;
  readonly #handle: StreamsHandle;
  readonly #happened = new Int32Array(BATCH * EVENT_WORDS);
  /** By a number and not by the fd, which may be another's before an event of it is told. */
  readonly #open = new Map<number, StreamSocketEvents>();
  #lastId = 0;

  constructor(api: Addon) {
    this.#api = api;
    this.#handle = api.openStreams(this.#happened, (count) => this.#tell(count));
  }

  /** Sockets that are open, or being connected. */
  get size(): number {
    return this.#open.size;
  }

  /** @param address of 4 or 16 bytes. @throws as the system does: ENETUNREACH, EMFILE */
  connect(address: Uint8Array, port: number, events: StreamSocketEvents): StreamSocket {
    const id = this.#lastId === MAX_ID ? 1 : this.#lastId + 1;
    this.#lastId = id;
    const fd = this.#api.connectStream(this.#handle, id, address, port);
    if (fd < 0) throw systemError('connect', -fd);
    this.#open.set(id, events);
    return new StreamSocket(this.#api, fd, () => this.#open.delete(id));
  }

  /** No socket is told anything any more. */
  close(): void {
    this.#api.closeStreams(this.#handle);
  }

  #tell(count: number): void {
    for (let i = 0; i < count; i++) {
      const flags = this.#happened[i * EVENT_WORDS + 1];
      this.#open
        .get(this.#happened[i * EVENT_WORDS])
        ?.onReady((flags & READABLE) !== 0, (flags & WRITABLE) !== 0, (flags & ENDED) !== 0);
    }
  }
}

/** An error as Node's own socket calls have it. */
export function systemError(call: string, errno: number): Error {
  const code = getSystemErrorName(-errno);
  return Object.assign(new Error(`${call} ${code}`), { code, errno, syscall: call });
}

/** Whether it is only that there is nothing to read, or no room to write. */
export function wouldBlock(errno: number): boolean {
  return errno === constants.errno.EAGAIN;
}

export async function openStreamSockets(): Promise<StreamSockets> {
  const { api } = await loadNative();
  return new StreamSockets(api);
}
