/**
 * The far side of a relayed connection that is a socket of the host's network.
 *
 * Unlike a port-forward it is a TCP connection like the near one, so that a
 * FIN, a reset and a refusal are carried over as they are.
 */

import type { Socket } from 'node:net';
import { LINGER_TIMEOUT_MS } from '../../relay/linger.ts';
import { type RemoteStream, RemoteStreamError, type RemoteStreamEvents } from '../../relay/stream.ts';
import type { HostDial } from './dial.ts';
import { dialError } from './dial-error.ts';
import { ReadBuffer } from './read-buffer.ts';
import { reset } from './reset.ts';

export class HostStream implements RemoteStream {
  readonly #events: RemoteStreamEvents;
  readonly #giveUp = new AbortController();
  readonly #reader: ReadBuffer;
  #socket: Socket | undefined;
  #ended = false;

  constructor(dial: HostDial, events: RemoteStreamEvents) {
    this.#events = events;
    this.#reader = new ReadBuffer((chunk) => {
      if (!this.#giveUp.signal.aborted) events.onData(chunk);
    });
    dial(this.#giveUp.signal, this.#reader).then(
      (socket) => this.#established(socket),
      (error: unknown) => this.#failed(error),
    );
  }

  write(chunk: Uint8Array, done: () => void): void {
    if (this.#socket === undefined) throw new Error('written to before it was established');
    this.#socket.write(chunk, () => done());
  }

  end(): void {
    this.#ended = true;
    this.#socket?.end();
  }

  pause(): void {
    this.#socket?.pause();
  }

  resume(): void {
    this.#socket?.resume();
  }

  destroy(): void {
    this.#giveUp.abort();
    const socket = this.#socket;
    if (socket === undefined) return;
    socket.removeAllListeners('data').removeAllListeners('end').removeAllListeners('error');
    socket.on('error', () => {}); // nobody is left to be told
    // Ended on both sides, it closes once all is sent; else the far end is to know that nobody reads on.
    if (this.#ended && socket.readableEnded)
      socket.setTimeout(LINGER_TIMEOUT_MS, () => socket.destroy()).destroySoon();
    else reset(socket);
  }

  #established(socket: Socket): void {
    if (this.#giveUp.signal.aborted) {
      socket.destroy();
      return;
    }
    this.#socket = socket;
    if (!this.#reader.attached) socket.on('data', (chunk) => this.#events.onData(chunk)).resume();
    socket.on('end', () => this.#events.onEnd());
    socket.on('error', (error) =>
      this.#events.onError(new RemoteStreamError('reset', error.message, { cause: error })),
    );
    this.#events.onEstablished();
  }

  #failed(error: unknown): void {
    if (this.#giveUp.signal.aborted) return;
    this.#events.onError(dialError(error));
  }
}
