/**
 * The server of the self-test: the far side of a connection, within this process.
 *
 * It sends a known stream of bytes as soon as it is connected to, with
 * backpressure as a pod's stream has it. What comes back is the guest's report,
 * which is whole when the guest has ended its direction; then this one ends, so
 * that the guest lives until it has been heard.
 */

import { createHash } from 'node:crypto';
import { type RemoteStream, RemoteStreamError, type RemoteStreamEvents } from '../../relay/stream.ts';

/** Enough for the windows of both sides to open, and done in a moment. */
export const STREAM_BYTES = 8 * 1024 * 1024;

/** A prime, so that a piece that is lost or doubled shifts all that follows. */
const PERIOD = 65_521;

/** A report is one line; a guest that says more is broken. */
const MAX_REPORT_BYTES = 4096;

const PATTERN = Buffer.from(Uint8Array.from({ length: PERIOD }, (_, i) => i & 0xff));

function pieceAt(left: number): Uint8Array {
  return PATTERN.subarray(0, Math.min(PERIOD, left));
}

/** Of all bytes, as they were sent. */
export function streamSha256(): string {
  const hash = createHash('sha256');
  for (let left = STREAM_BYTES; left > 0; left -= PERIOD) hash.update(pieceAt(left));
  return hash.digest('hex');
}

export class SelfTestStream implements RemoteStream {
  readonly #events: RemoteStreamEvents;
  readonly #onReport: (text: string) => void;
  #left = STREAM_BYTES;
  #report = '';
  #paused = false;
  #over = false;

  constructor(events: RemoteStreamEvents, onReport: (text: string) => void) {
    this.#events = events;
    this.#onReport = onReport;
    queueMicrotask(() => {
      if (this.#over) return;
      events.onEstablished();
      this.#send();
    });
  }

  write(chunk: Uint8Array, done: () => void): void {
    this.#report += Buffer.from(chunk).toString();
    done();
    if (this.#report.length <= MAX_REPORT_BYTES) return;
    this.destroy();
    this.#events.onError(new RemoteStreamError('reset', 'a report without end'));
  }

  end(): void {
    this.#onReport(this.#report);
    this.#events.onEnd();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#send();
  }

  destroy(): void {
    this.#over = true;
  }

  #send(): void {
    if (this.#over) return;
    while (this.#left > 0 && !this.#paused) {
      const chunk = pieceAt(this.#left);
      this.#left -= chunk.length;
      this.#events.onData(chunk);
    }
  }
}
