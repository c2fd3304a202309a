/**
 * Our end of a SOCK_SEQPACKET pair: short messages and file descriptors, each
 * wait bounded by the AbortSignal that is given to it.
 */

import { closeSync } from 'node:fs';
import type { Addon, Message, WatchHandle } from './native/addon.ts';

/** The peer has closed its end, or ended. */
export class ChannelClosed extends Error {
  constructor() {
    super('the other end of the channel is closed');
    this.name = 'ChannelClosed';
  }
}

export class Channel {
  readonly #api: Addon;
  readonly #socket: number;
  /** The peer's end, to be inherited by the program that is started next, then closed here. */
  readonly peer: number;
  #peerOpen = true;
  #closed = false;

  constructor(api: Addon) {
    this.#api = api;
    [this.#socket, this.peer] = api.socketPair();
  }

  closePeer(): void {
    if (!this.#peerOpen) return;
    this.#peerOpen = false;
    closeSync(this.peer);
  }

  /** The messages here are a few bytes and answered one by one: a full buffer is a peer that is gone. */
  send(text: string): void {
    if (this.#closed || !this.#trySend(Buffer.from(text))) throw new ChannelClosed();
  }

  #trySend(bytes: Uint8Array): boolean {
    try {
      return this.#api.sendMessage(this.#socket, bytes);
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'EPIPE') return false;
      throw error;
    }
  }

  /** The next message; ChannelClosed where none will come, or the signal's reason. */
  receive(signal: AbortSignal): Promise<Message> {
    return new Promise((resolve, reject) => {
      let watch: WatchHandle | undefined;
      const settle = () => {
        signal.removeEventListener('abort', onAbort);
        if (watch) this.#api.closeWatch(watch);
      };
      const onAbort = () => {
        settle();
        reject(signal.reason);
      };
      const onReadable = () => {
        try {
          const message = this.#closed
            ? { bytes: new Uint8Array(), fds: [] }
            : this.#api.receiveMessage(this.#socket);
          if (message === null) return;
          settle();
          if (message.bytes.length === 0) reject(new ChannelClosed());
          else resolve(message);
        } catch (error) {
          settle();
          reject(error);
        }
      };
      if (signal.aborted || this.#closed) {
        reject(signal.aborted ? signal.reason : new ChannelClosed());
        return;
      }
      signal.addEventListener('abort', onAbort);
      watch = this.#api.watchReadable(this.#socket, onReadable);
    });
  }

  /** Ends the peer's wait too. No `receive` may be under way. */
  close(): void {
    this.closePeer();
    if (this.#closed) return;
    this.#closed = true;
    closeSync(this.#socket);
  }
}
