/**
 * A remote stream as Node has streams, for what is joined to a socket of Node's by pipes.
 *
 * The far end's FIN is its end, a FIN is passed on by `end`, and what breaks is
 * an error. Backpressure goes both ways, as `RemoteStream` has it.
 */

import { Duplex } from 'node:stream';
import type { Dial } from './relay.ts';
import type { RemoteStream } from './stream.ts';

/** On its way in each direction, as much as a connection of the command may have. */
const HELD_BYTES = 512 << 10;

type Written = { chunk: Uint8Array; encoding: BufferEncoding }[];

/**
 * Resolves when the far end has taken the connection.
 *
 * @param signal gives it up; afterwards it does nothing
 * @throws RemoteStreamError, and the signal's reason
 */
export function openDuplex(dial: Dial, signal: AbortSignal): Promise<RemoteDuplex> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const giveUp = (): void => void duplex.destroy(reasonOf(signal));
    const duplex = new RemoteDuplex(dial, () => {
      signal.removeEventListener('abort', giveUp);
      resolve(duplex);
    });
    signal.addEventListener('abort', giveUp, { once: true });
    // It stays: an error may come before who has been given the stream listens.
    duplex.on('error', reject);
  });
}

export class RemoteDuplex extends Duplex {
  readonly #remote: RemoteStream;
  #paused = false;

  constructor(dial: Dial, onEstablished: () => void) {
    super({ allowHalfOpen: true, highWaterMark: HELD_BYTES });
    this.#remote = dial({
      onEstablished,
      onData: (chunk) => this.#take(chunk),
      onEnd: () => void this.push(null),
      onError: (error) => void this.destroy(error),
    });
  }

  /** As a socket's: there is no other way to end a remote stream at once. */
  resetAndDestroy(): this {
    return this.destroy();
  }

  override _read(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#remote.resume();
  }

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, done: () => void): void {
    this.#remote.write(chunk, done);
  }

  override _writev(written: Written, done: () => void): void {
    const last = written.length - 1;
    for (const [i, { chunk }] of written.entries()) this.#remote.write(chunk, i === last ? done : () => {});
  }

  override _final(done: () => void): void {
    this.#remote.end();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#remote.destroy();
    done(error);
  }

  #take(chunk: Uint8Array): void {
    if (this.push(chunk) || this.#paused) return;
    this.#paused = true;
    this.#remote.pause();
  }
}

function reasonOf({ reason }: AbortSignal): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}
