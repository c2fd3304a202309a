/**
 * A remote stream as Node has streams, for what is joined to a socket of Node's by pipes.
 *
 * The far end's FIN is its end, a FIN is passed on by `end`, and what breaks is
 * an error. Backpressure goes both ways, as `RemoteStream` has it. Where the far
 * end resets, what it sent before is read first.
 */

import { Duplex } from 'node:stream';
import { LINGER_TIMEOUT_MS } from './linger.ts';
import type { Dial } from './relay.ts';
import { type RemoteStream, RemoteStreamError } from './stream.ts';

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
  /** The far end's, with bytes before it that nobody has read yet. */
  #reset: RemoteStreamError | undefined;
  #lingering: NodeJS.Timeout | undefined;
  /** The far end takes nothing any more, so nothing is taken for it. */
  #broken = false;

  constructor(dial: Dial, onEstablished: () => void) {
    super({ allowHalfOpen: true, highWaterMark: HELD_BYTES });
    this.#remote = dial({
      onEstablished,
      onData: (chunk) => this.#take(chunk),
      onEnd: () => void this.push(null),
      onBrokenPipe: () => this.#break(),
      onError: (error) => this.#fail(error),
    });
  }

  /** As a socket's: there is no other way to end a remote stream at once. */
  resetAndDestroy(): this {
    return this.destroy();
  }

  override read(size?: number): unknown {
    const chunk: unknown = super.read(size);
    if (this.#reset !== undefined && this.readableLength === 0) this.destroy(this.#reset);
    else this.#lingering?.refresh();
    return chunk;
  }

  override _read(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#remote.resume();
  }

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, done: () => void): void {
    if (!this.#broken) this.#remote.write(chunk, done);
  }

  override _writev(written: Written, done: () => void): void {
    if (this.#broken) return;
    const last = written.length - 1;
    for (const [i, { chunk }] of written.entries()) this.#remote.write(chunk, i === last ? done : () => {});
  }

  override _final(done: () => void): void {
    this.#remote.end();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    clearTimeout(this.#lingering);
    this.#remote.destroy();
    done(error);
  }

  #fail(error: RemoteStreamError): void {
    if (error.reason !== 'reset' || this.readableLength === 0) {
      this.destroy(error);
      return;
    }
    this.#reset = error;
    this.#linger(error.message);
  }

  #break(): void {
    this.#broken = true;
    this.#linger('the far end takes nothing any more');
  }

  /** For as long as what the far end sent before is read. */
  #linger(why: string): void {
    const unread = new RemoteStreamError('timeout', `${why}; what came before is not read`);
    clearTimeout(this.#lingering);
    this.#lingering = setTimeout(() => this.destroy(unread), LINGER_TIMEOUT_MS).unref();
  }

  #take(chunk: Uint8Array): void {
    if (this.push(this.#owned(chunk)) || this.#paused) return;
    this.#paused = true;
    this.#remote.pause();
  }

  /** Who reads it does not tell when they have done so: what is lent is copied, and given back at once. */
  #owned(chunk: Uint8Array): Uint8Array {
    if (this.#remote.reclaim === undefined) return chunk;
    const copy = Buffer.from(chunk);
    this.#remote.reclaim(0);
    return copy;
  }
}

function reasonOf({ reason }: AbortSignal): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}
