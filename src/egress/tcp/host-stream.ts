/**
 * The far side of a relayed connection that is a socket of the host's network.
 *
 * Unlike a port-forward it is a TCP connection like the near one, so that a
 * FIN, a reset and a refusal are carried over as they are.
 */

import type { Socket } from 'node:net';
import { openSocketStates, type SocketStates } from '../../../sandbox/index.ts';
import { LINGER_TIMEOUT_MS } from '../../relay/linger.ts';
import { type RemoteStream, RemoteStreamError, type RemoteStreamEvents } from '../../relay/stream.ts';
import { fdOf } from '../../socket-fd.ts';
import type { HostDial } from './dial.ts';
import { dialError } from './dial-error.ts';
import { ReadBuffer } from './read-buffer.ts';
import { reset } from './reset.ts';
import { Resets } from './resets.ts';

export class HostStream implements RemoteStream {
  readonly #events: RemoteStreamEvents;
  readonly #giveUp = new AbortController();
  readonly #reader: ReadBuffer;
  #socket: Socket | undefined;
  #ended = false;
  #readEnded = false;
  #paused = false;
  /** It is told once what was read ahead has been passed on. */
  #failure: Error | undefined;

  constructor(dial: HostDial, events: RemoteStreamEvents) {
    this.#events = events;
    this.#reader = new ReadBuffer((chunk) => {
      if (!this.#giveUp.signal.aborted) events.onData(chunk);
    });
    this.#open(dial).then(
      ({ socket, states }) => this.#established(socket, states),
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
    this.#paused = true;
    this.#socket?.pause();
  }

  resume(): void {
    this.#paused = false;
    if (this.#failure === undefined) this.#socket?.resume();
    else this.#tell(this.#failure);
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

  async #open(dial: HostDial): Promise<{ socket: Socket; states: SocketStates }> {
    const states = await openSocketStates();
    return { states, socket: await dial(this.#giveUp.signal, this.#reader) };
  }

  #established(socket: Socket, states: SocketStates): void {
    if (this.#giveUp.signal.aborted) {
      socket.destroy();
      return;
    }
    this.#socket = socket;
    if (!socket.destroyed) states.inlineUrgent(fdOf(socket));
    const resets = new Resets(socket, states.errnoOf, (error) => {
      // It is told behind the last of what can be read. The near side may be in the middle of its own work now.
      queueMicrotask(() => {
        if (this.#readEnded) this.#broken(error);
        else if (!this.#giveUp.signal.aborted) this.#events.onBrokenPipe?.();
      });
    });
    if (!this.#reader.attached) socket.on('data', (chunk) => this.#events.onData(chunk)).resume();
    socket.on('end', () => {
      const error = resets.behindEnd;
      if (error !== undefined) {
        this.#broken(error);
        return;
      }
      this.#readEnded = true;
      this.#events.onEnd();
    });
    socket.on('error', (error) => this.#broken(error));
    this.#events.onEstablished();
  }

  #broken(error: Error): void {
    this.#failure ??= error;
    if (!this.#paused) this.#tell(this.#failure);
  }

  /** Behind what Node has read ahead, which outlives the connection. */
  #tell(error: Error): void {
    const socket = this.#socket?.removeAllListeners('data');
    for (;;) {
      const chunk: unknown = socket?.read();
      if (this.#giveUp.signal.aborted) return;
      if (!(chunk instanceof Uint8Array)) break;
      this.#events.onData(chunk);
    }
    this.#giveUp.abort();
    socket?.destroy();
    this.#events.onError(new RemoteStreamError('reset', error.message, { cause: error }));
  }

  #failed(error: unknown): void {
    if (this.#giveUp.signal.aborted) return;
    this.#events.onError(dialError(error));
  }
}
