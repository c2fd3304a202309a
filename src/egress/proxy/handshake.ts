/**
 * What is said with a proxy before a connection is a tunnel.
 *
 * The proxy is dialled, by TLS where it wants that, the talk is led by a function
 * that reads as the RFC does, and the socket is handed over as if the far end had
 * been dialled. One wait bounds the talk. What the far end has sent in the same segment as the
 * proxy's last word is put back.
 */

import type { Socket } from 'node:net';
import { RemoteStreamError } from '../../relay/stream.ts';
import { dialTcp, type HostDial } from '../tcp/dial.ts';
import { overTls } from './tls.ts';
import type { ProxyEndpoint } from './url.ts';

/** The proxy may dial for as long as that. */
const HANDSHAKE_TIMEOUT_MS = 60_000;
/** What a proxy may say; the header of an HTTP response is the longest of it. */
const MAX_HANDSHAKE_BYTES = 16 << 10;

/** Both sides of the talk. */
export class Conversation {
  readonly #socket: Socket;
  #received: Buffer = Buffer.alloc(0);
  #failure: Error | undefined;
  #wake: () => void = () => {};

  constructor(socket: Socket) {
    this.#socket = socket;
    socket
      .on('data', this.#onData)
      .on('end', this.#onEnd)
      .on('error', this.#onError)
      .on('close', this.#onEnd);
  }

  say(bytes: Uint8Array): void {
    this.#socket.write(bytes);
  }

  /** So many bytes. */
  async take(length: number): Promise<Buffer> {
    await this.#until(() => this.#received.length >= length);
    return this.#consume(length);
  }

  /** Everything up to and with this text. */
  async takeUntil(end: string): Promise<string> {
    await this.#until(() => this.#received.includes(end));
    return this.#consume(this.#received.indexOf(end) + end.length).toString('latin1');
  }

  /** The socket is the caller's again, paused, with what was not taken. */
  release(): void {
    const socket = this.#socket;
    socket.pause();
    socket
      .off('data', this.#onData)
      .off('end', this.#onEnd)
      .off('error', this.#onError)
      .off('close', this.#onEnd);
    if (this.#received.length > 0) socket.unshift(this.#received);
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#received = Buffer.concat([this.#received, chunk]);
    if (this.#received.length > MAX_HANDSHAKE_BYTES) this.#socket.pause();
    this.#wake();
  };
  readonly #onEnd = (): void => this.#fail(new Error('it closed the connection'));
  readonly #onError = (error: Error): void => this.#fail(error);

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#wake();
  }

  #consume(length: number): Buffer {
    const taken = this.#received.subarray(0, length);
    this.#received = this.#received.subarray(length);
    return taken;
  }

  async #until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#received.length > MAX_HANDSHAKE_BYTES) throw new Error('its answer has no end');
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

export type Handshake<T> = (conversation: Conversation, socket: Socket) => Promise<T>;

/** A connection to the proxy, after the talk, with what that has come to. */
export async function converse<T>(
  proxy: ProxyEndpoint,
  signal: AbortSignal,
  handshake: Handshake<T>,
): Promise<{ socket: Socket; outcome: T }> {
  let socket: Socket | undefined;
  let timer: NodeJS.Timeout | undefined;
  const giveUp = (): void => void socket?.destroy(new Error('given up'));
  try {
    socket = await dialTcp(proxy.host, proxy.port)(signal);
    signal.addEventListener('abort', giveUp);
    timer = setTimeout(
      () => socket?.destroy(new Error(`no answer within ${HANDSHAKE_TIMEOUT_MS / 1000} s`)),
      HANDSHAKE_TIMEOUT_MS,
    );
    if (proxy.tls) socket = await overTls(socket, proxy.host);
    const conversation = new Conversation(socket);
    const outcome = await handshake(conversation, socket);
    conversation.release();
    return { socket, outcome };
  } catch (error) {
    socket?.on('error', () => {}).destroy(); // what is wrong is told below
    if (error instanceof RemoteStreamError && error.reason !== 'timeout') throw error;
    const message = error instanceof Error ? error.message : String(error);
    // A proxy that is not there says nothing of the destination: no refusal of its own is passed on.
    throw new RemoteStreamError('unreachable', `the proxy ${proxy.label} does not connect us: ${message}`, {
      cause: error,
      unreachable: 'net',
    });
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', giveUp);
  }
}

/** As a dial of the destination. */
export function dialBy(proxy: ProxyEndpoint, handshake: Handshake<void>): HostDial {
  return async (signal) => (await converse(proxy, signal, handshake)).socket;
}
