/**
 * DNS over TCP (RFC 7766) as the far side of a relayed connection: messages
 * with a two-byte length in front, several to a connection, answered in order.
 */

import type { RemoteStream, RemoteStreamEvents } from '../relay/stream.ts';
import type { DnsServer } from './dns.ts';

const LENGTH_PREFIX = 2;

export class DnsStream implements RemoteStream {
  readonly #server: DnsServer;
  readonly #events: RemoteStreamEvents;
  /** What has come in and is no whole message yet: 64 KiB and its length at most. */
  #pending: Buffer = Buffer.alloc(0);
  #paused = false;
  #ended = false;

  constructor(server: DnsServer, events: RemoteStreamEvents) {
    this.#server = server;
    this.#events = events;
    queueMicrotask(() => {
      if (!this.#ended) events.onEstablished();
    });
  }

  write(chunk: Uint8Array, done: () => void): void {
    this.#pending = Buffer.concat([this.#pending, chunk]);
    done();
    this.#answerAll();
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#events.onEnd();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#answerAll();
  }

  destroy(): void {
    this.#ended = true;
    this.#pending = Buffer.alloc(0);
  }

  #answerAll(): void {
    while (!this.#paused && !this.#ended && this.#pending.length >= LENGTH_PREFIX) {
      const end = LENGTH_PREFIX + this.#pending.readUInt16BE(0);
      if (this.#pending.length < end) return;
      const answer = this.#server.answer(this.#pending.subarray(LENGTH_PREFIX, end), 'tcp');
      this.#pending = this.#pending.subarray(end);
      if (answer === undefined) continue;
      const framed = new Uint8Array(LENGTH_PREFIX + answer.length);
      new DataView(framed.buffer).setUint16(0, answer.length);
      framed.set(answer, LENGTH_PREFIX);
      this.#events.onData(framed);
    }
  }
}
