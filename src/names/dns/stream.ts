/**
 * DNS over TCP (RFC 7766) as the far side of a relayed connection: messages
 * with a two-byte length in front, several to a connection, answered in order.
 *
 * A chunk counts against the client's window until all of it has been
 * answered, so a client that asks and does not read is stopped by its own
 * queries; so is one that asks for names of outside, whose answers take their
 * time. A FIN is answered by one, after the last answer.
 *
 * A client may keep its connection for the next question, and not for ever (RFC
 * 7766, 6.2.3): after a silence it gets a FIN, and after another one a reset.
 */

import { type RemoteStream, RemoteStreamError, type RemoteStreamEvents } from '../../relay/stream.ts';
import type { DnsServer } from './server.ts';

const LENGTH_PREFIX = 2;
/** "On the order of a few seconds" (RFC 7766, 6.2.3), in which no question is answered. */
const IDLE_MS = 10_000;

export class DnsStream implements RemoteStream {
  readonly #server: DnsServer;
  readonly #events: RemoteStreamEvents;
  /** What has come in and was not answered yet. */
  #pending: Buffer = Buffer.alloc(0);
  /** For the chunks that came while paused: told once the answers are gone out. */
  readonly #held: (() => void)[] = [];
  #paused = false;
  /** The answer to the first message of what is pending is on its way. */
  #waiting = false;
  #finished = false;
  #ended = false;
  readonly #idle: NodeJS.Timeout;

  constructor(server: DnsServer, events: RemoteStreamEvents) {
    this.#server = server;
    this.#events = events;
    this.#idle = setTimeout(() => this.#silent(), IDLE_MS).unref();
    queueMicrotask(() => {
      if (!this.#ended) events.onEstablished();
    });
  }

  write(chunk: Uint8Array, done: () => void): void {
    this.#held.push(done);
    if (!this.#ended) this.#pending = Buffer.concat([this.#pending, chunk]);
    this.#answerAll();
  }

  end(): void {
    this.#finished = true;
    this.#answerAll();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#answerAll();
  }

  destroy(): void {
    clearTimeout(this.#idle);
    this.#drop();
  }

  #drop(): void {
    this.#ended = true;
    this.#pending = Buffer.alloc(0);
    this.#release();
  }

  #silent(): void {
    if (this.#ended) {
      this.#events.onError(new RemoteStreamError('timeout', 'nothing was asked for, and it was kept open'));
      return;
    }
    this.#idle.refresh();
    // Who was asked outside sees to the time that it takes.
    if (this.#waiting) return;
    this.#drop();
    this.#events.onEnd();
  }

  #answerAll(): void {
    let end = this.#messageEnd();
    while (end !== undefined && !this.#paused && !this.#waiting && !this.#ended) {
      const answer = this.#server.answer(this.#pending.subarray(LENGTH_PREFIX, end), 'tcp');
      this.#pending = this.#pending.subarray(end);
      this.#idle.refresh();
      if (answer instanceof Promise) void this.#await(answer);
      else if (answer !== undefined) this.#events.onData(framed(answer));
      end = this.#messageEnd();
    }
    if (this.#waiting || (this.#paused && end !== undefined)) return;
    this.#release();
    if (!this.#finished || this.#ended) return;
    this.#ended = true;
    this.#events.onEnd();
  }

  async #await(answer: Promise<Uint8Array>): Promise<void> {
    this.#waiting = true;
    const message = await answer;
    this.#waiting = false;
    if (this.#ended) return;
    this.#events.onData(framed(message));
    this.#answerAll();
  }

  /** Where the first message ends; undefined as long as that has not come. A part of one is 64 KiB at most. */
  #messageEnd(): number | undefined {
    if (this.#pending.length < LENGTH_PREFIX) return undefined;
    const end = LENGTH_PREFIX + this.#pending.readUInt16BE(0);
    return this.#pending.length < end ? undefined : end;
  }

  #release(): void {
    for (const done of this.#held.splice(0)) done();
  }
}

function framed(answer: Uint8Array): Uint8Array {
  const message = new Uint8Array(LENGTH_PREFIX + answer.length);
  new DataView(message.buffer).setUint16(0, answer.length);
  message.set(answer, LENGTH_PREFIX);
  return message;
}
