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
   * Something has changed: of a socket that was not yet `established`, the first time, the connection is there or has
   * failed (`error`). That it can be written to is told once a write was not taken whole.
   *
   * @param ended the peer has sent its FIN or urgent data, or the connection is over: reading tells which, and a read
   * that gives less than was asked for is not the last
   */
  onReady(readable: boolean, writable: boolean, ended: boolean): void;
}

/** What a socket needs of those it is one of. */
interface Owner {
  readonly api: Addon;
  readonly handle: StreamsHandle;
  forget(id: number): void;
}

export class StreamSocket {
  readonly #owner: Owner;
  readonly #id: number;
  readonly #fd: number;
  /** The connection was there at once, as one within the machine is: no event tells of it. */
  readonly established: boolean;
  #awaitsWritable: boolean;

  constructor(owner: Owner, id: number, fd: number, established: boolean) {
    this.#owner = owner;
    this.#id = id;
    this.#fd = fd;
    this.established = established;
    this.#awaitsWritable = !established;
  }

  /** The errno that the connection has failed by, or 0. */
  error(): number {
    return this.#owner.api.streamError(this.#fd);
  }

  /** @returns bytes read to `offset` and behind, 0 at the peer's FIN, or the errno as a negative number */
  read(buffer: Uint8Array, offset: number): number {
    return this.#owner.api.readStream(this.#fd, buffer, offset);
  }

  /** @returns how many bytes from `offset` on were taken, or the errno as a negative number */
  write(bytes: Uint8Array, offset: number): number {
    const { api, handle } = this.#owner;
    const taken = api.writeStream(this.#fd, bytes, offset);
    if (taken < bytes.length - offset && !this.#awaitsWritable) {
      this.#awaitsWritable = true;
      api.awaitWritable(handle, this.#id, this.#fd);
    }
    return taken;
  }

  /** Sends a FIN behind what was written. */
  finish(): void {
    this.#owner.api.finishStream(this.#fd);
  }

  /** Once, and nothing after it. @param reset by RST, and not by a FIN behind what was written */
  close(reset: boolean): void {
    this.#owner.forget(this.#id);
    this.#owner.api.closeStream(this.#fd, reset);
  }
}

/** They keep the process alive until they are closed. */
export class StreamSockets {
  readonly #owner: Owner;
  readonly #outcome = new Int32Array(1);
  readonly #happened = new Int32Array(BATCH * EVENT_WORDS);
  /** By a number and not by the fd, which may be another's before an event of it is told. */
  readonly #open = new Map<number, StreamSocketEvents>();
  #lastId = 0;

  constructor(api: Addon) {
    this.#owner = {
      api,
      handle: api.openStreams(this.#happened, (count) => this.#tell(count)),
      forget: (id) => this.#open.delete(id),
    };
  }

  /** Sockets that are open, or being connected. */
  get size(): number {
    return this.#open.size;
  }

  /** @param address of 4 or 16 bytes. @throws as the system does: ENETUNREACH, EMFILE */
  connect(address: Uint8Array, port: number, events: StreamSocketEvents): StreamSocket {
    const id = this.#lastId === MAX_ID ? 1 : this.#lastId + 1;
    this.#lastId = id;
    const { api, handle } = this.#owner;
    const fd = api.connectStream(handle, id, address, port, this.#outcome);
    if (fd < 0) throw systemError('connect', -fd);
    this.#open.set(id, events);
    return new StreamSocket(this.#owner, id, fd, this.#outcome[0] === 1);
  }

  /** No socket is told anything any more. */
  close(): void {
    this.#owner.api.closeStreams(this.#owner.handle);
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

/** What the kernel knows of a socket that somebody else has, by its fd, and does for it. */
export interface SocketStates {
  /** The errno that its connection has failed by, or 0 (socket(7), SO_ERROR). */
  readonly errnoOf: (fd: number) => number;
  /** Bytes that the peer's kernel has not acknowledged yet. */
  readonly unsentOf: (fd: number) => number;
  /** Urgent data is read in its place from now on; else it is lost (tcp(7)). */
  readonly inlineUrgent: (fd: number) => void;
}

export async function openSocketStates(): Promise<SocketStates> {
  const { api } = await loadNative();
  return {
    errnoOf: (fd) => api.streamError(fd),
    unsentOf: (fd) => api.streamUnsent(fd),
    inlineUrgent: (fd) => api.inlineUrgent(fd),
  };
}
