/**
 * Reading to a buffer that all connections share.
 *
 * Node reads each record of TLS, which has up to 16 KiB, to fresh memory. Who
 * looks at bytes but once, or copies them anyway, needs none: after `takeReads`
 * it is told where they lie, and they lie there until it returns. Until then,
 * and while the socket is paused, the socket is a stream as others are, and what
 * comes is copied for it.
 */
import type { OnReadOpts } from 'node:net';
import type { Duplex } from 'node:stream';

/** @param bytes its own until it returns */
export type Taker = (bytes: Uint8Array) => void;

/** As much as libuv reads at once: four records of TLS. */
const BUFFER_BYTES = 64 * 1024;

const buffer = new Uint8Array(BUFFER_BYTES);
const reads = new WeakMap<Duplex, SharedReads>();

/** @param open opens a socket of Node's with this option, if it opens one at once */
export function withSharedReads<S extends Duplex | null | undefined>(
  open: (option: { onread: OnReadOpts }) => S,
): S {
  const shared = new SharedReads();
  const socket = open({ onread: shared.onread });
  if (socket) {
    shared.socket = socket;
    reads.set(socket, shared);
  }
  return socket;
}

/** What comes from now on is `taker`'s. Where the socket does not read so, or has bytes left, they are its `data` as ever. */
export function takeReads(socket: Duplex, taker: Taker): void {
  const shared = reads.get(socket);
  if (shared) shared.taker = taker;
}

class SharedReads {
  socket: Duplex | undefined;
  taker: Taker | undefined;

  readonly onread: OnReadOpts = {
    buffer,
    // False stops the reading, until the stream asks for more.
    callback: (length, bytes) => this.#read(bytes.subarray(0, length)),
  };

  #read(bytes: Uint8Array): boolean {
    const { socket, taker } = this;
    if (socket === undefined) return true;
    if (taker === undefined || socket.readableLength > 0 || socket.isPaused()) {
      return socket.push(Buffer.from(bytes)); // a copy
    }
    taker(bytes);
    return true;
  }
}
