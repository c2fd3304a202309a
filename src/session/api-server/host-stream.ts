/**
 * The far side of a relayed connection that is a socket of the host's network.
 *
 * Unlike a port-forward it is a TCP connection like the near one, so that a
 * FIN, a reset and a refusal are carried over as they are.
 */

import type { Socket } from 'node:net';
import { type RemoteStream, RemoteStreamError, type RemoteStreamEvents } from '../../relay/stream.ts';

/** Connects, or rejects with an error that has a `code` of the system's; `signal` gives it up. */
export type HostDial = (signal: AbortSignal) => Promise<Socket>;

/** Of a dial; anything else means that there is no way to the far end. */
const REASONS: Readonly<Record<string, RemoteStreamError['reason']>> = {
  ECONNREFUSED: 'refused',
  ECONNRESET: 'refused', // taken and dropped again before we knew
  ETIMEDOUT: 'timeout',
};

export class HostStream implements RemoteStream {
  readonly #events: RemoteStreamEvents;
  readonly #giveUp = new AbortController();
  #socket: Socket | undefined;
  #ended = false;

  constructor(dial: HostDial, events: RemoteStreamEvents) {
    this.#events = events;
    dial(this.#giveUp.signal).then(
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
    if (this.#ended && socket.readableEnded) socket.destroySoon();
    else socket.resetAndDestroy();
  }

  #established(socket: Socket): void {
    if (this.#giveUp.signal.aborted) {
      socket.destroy();
      return;
    }
    this.#socket = socket;
    socket.on('data', (chunk) => this.#events.onData(chunk));
    socket.on('end', () => this.#events.onEnd());
    socket.on('error', (error) =>
      this.#events.onError(new RemoteStreamError('reset', error.message, { cause: error })),
    );
    this.#events.onEstablished();
  }

  #failed(error: unknown): void {
    if (this.#giveUp.signal.aborted) return;
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    const message = error instanceof Error ? error.message : String(error);
    this.#events.onError(new RemoteStreamError(REASONS[code] ?? 'unreachable', message, { cause: error }));
  }
}
