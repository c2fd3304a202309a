/** What a flow has carried, for who keeps accounts of it; a decorator, so that nothing else has to count. */

import type { Dial } from '../relay/relay.ts';
import type { RemoteStream, RemoteStreamError, RemoteStreamEvents } from '../relay/stream.ts';

export interface FlowMeter {
  /** Bytes of payload to the outside, as they are handed over. */
  sent(bytes: number): void;
  received(bytes: number): void;
  /** The far end has taken the connection. @param peer who it is, as `RemoteStream` has it */
  established?(peer?: string): void;
  /** Once, at the end; the error that it ended by, if it did, and who the far end was last. */
  ended(error?: RemoteStreamError, peer?: string): void;
}

/** The same dial, with its bytes and its end told. */
export function metered(dial: Dial, meter: FlowMeter): Dial {
  return (events) => new MeteredStream(dial, events, meter);
}

class MeteredStream implements RemoteStream, RemoteStreamEvents {
  readonly #events: RemoteStreamEvents;
  readonly #meter: FlowMeter;
  readonly #stream: RemoteStream;
  #ended = false;

  constructor(dial: Dial, events: RemoteStreamEvents, meter: FlowMeter) {
    this.#events = events;
    this.#meter = meter;
    this.#stream = dial(this);
  }

  write(chunk: Uint8Array, done: () => void): void {
    this.#meter.sent(chunk.length);
    this.#stream.write(chunk, done);
  }

  end(): void {
    this.#stream.end();
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  reclaim(heldBytes: number): void {
    this.#stream.reclaim?.(heldBytes);
  }

  /** The near side is over, which is the end of a relayed connection in any case. */
  destroy(): void {
    this.#stream.destroy();
    this.#tellEnd();
  }

  get peer(): string | undefined {
    return this.#stream.peer;
  }

  onEstablished(): void {
    this.#meter.established?.(this.peer);
    this.#events.onEstablished();
  }

  onData(chunk: Uint8Array): void {
    this.#meter.received(chunk.length);
    this.#events.onData(chunk);
  }

  onEnd(): void {
    this.#events.onEnd();
  }

  onBrokenPipe(): void {
    this.#events.onBrokenPipe?.();
  }

  onError(error: RemoteStreamError): void {
    this.#tellEnd(error);
    this.#events.onError(error);
  }

  #tellEnd(error?: RemoteStreamError): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#meter.ended(error, this.peer);
  }
}
