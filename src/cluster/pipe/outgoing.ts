/**
 * What is to be written to a socket, one buffer at a time.
 *
 * TLS in Node encrypts a single buffer where it lies, and joins several into a
 * new one first. So what is written while the socket is busy waits, and is then
 * put together here, in a buffer that is used again: one copy, which the mask of
 * a WebSocket needs anyway, and one call for many frames.
 *
 *     write ─▶ waiting ──(idle: at the end of the tick, or at once when enough)──▶ buffer ─▶ socket
 *                 ▲                                                                            │
 *                 └──────────────────────── the socket has taken it ◀──────────────────────────┘
 *
 * What waits is referenced, not copied. Its bound is that of the writers, who
 * are told when it has been taken.
 */
import type { Duplex } from 'node:stream';

/** A buffer's length: several of the largest frames that are written. */
const BUFFER_BYTES = 256 * 1024;
/** Buffers that are used again, for all connections together; more at a time are of the length that is needed. */
const SHARED_BUFFERS = 4;
/** Less than this is not worth a shared one. */
const SMALL_BYTES = 4096;
/** With this much there is no point in waiting for the end of the tick. */
const ENOUGH_BYTES = 64 * 1024;

/** How a piece of what is written looks on the wire. */
export interface Framing {
  /** What a frame has more than its payload, at most. */
  readonly overhead: number;
  /** Writes one frame to `target`, from `at` on. @returns where it ends */
  put(
    target: Uint8Array,
    at: number,
    opcode: number,
    head: Uint8Array,
    payload: Uint8Array | undefined,
  ): number;
}

/** Bytes as they are. */
export const UNFRAMED: Framing = {
  overhead: 0,
  put(target, at, _opcode, head, payload) {
    target.set(head, at);
    const end = at + head.length;
    if (payload === undefined) return end;
    target.set(payload, end);
    return end + payload.length;
  },
};

interface Waiting {
  readonly opcode: number;
  readonly head: Uint8Array;
  readonly payload: Uint8Array | undefined;
  /** Of the whole frame, at most. */
  readonly bytes: number;
  readonly done: (() => void) | undefined;
}

const atRest: Uint8Array[] = [];
let shared = 0;

export class Outgoing {
  readonly #socket: Duplex;
  readonly #framing: Framing;
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  #isBusy = false;
  #isScheduled = false;
  #onEmpty: (() => void) | undefined;

  constructor(socket: Duplex, framing: Framing) {
    this.#socket = socket;
    this.#framing = framing;
  }

  /** Both are referenced until `done`, which is called when the socket has taken them, or has failed. */
  write(
    opcode: number,
    head: Uint8Array,
    payload: Uint8Array | undefined,
    done: (() => void) | undefined,
  ): void {
    const bytes = head.length + (payload?.length ?? 0) + this.#framing.overhead;
    this.#waiting.push({ opcode, head, payload, bytes, done });
    this.#waitingBytes += bytes;
    if (this.#isBusy) return;
    if (this.#waitingBytes >= ENOUGH_BYTES) this.#flush();
    else this.#schedule();
  }

  /** Calls back once all that was written is the socket's. */
  whenEmpty(callback: () => void): void {
    this.#onEmpty = callback;
    if (!this.#isBusy) this.#flush();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    process.nextTick(() => {
      this.#isScheduled = false;
      if (!this.#isBusy) this.#flush();
    });
  }

  #flush(): void {
    if (this.#waiting.length === 0) {
      this.#onEmpty?.();
      this.#onEmpty = undefined;
      return;
    }
    const { count, bytes } = this.#nextBatch();
    const batch = this.#waiting.slice(0, count);
    this.#waiting = this.#waiting.slice(count);
    this.#waitingBytes -= bytes;
    const buffer = takeBuffer(bytes);
    let end = 0;
    for (const { opcode, head, payload } of batch)
      end = this.#framing.put(buffer, end, opcode, head, payload);
    this.#isBusy = true;
    this.#socket.write(buffer.subarray(0, end), () => {
      giveBack(buffer);
      this.#isBusy = false;
      for (const { done } of batch) done?.();
      if (!this.#isBusy) this.#flush();
    });
  }

  /** As many as fit; one that does not goes alone. */
  #nextBatch(): { count: number; bytes: number } {
    let count = 0;
    let bytes = 0;
    for (const { bytes: more } of this.#waiting) {
      if (count > 0 && bytes + more > BUFFER_BYTES) break;
      count++;
      bytes += more;
    }
    return { count, bytes };
  }
}

function takeBuffer(bytes: number): Uint8Array {
  if (bytes <= SMALL_BYTES || bytes > BUFFER_BYTES) return Buffer.allocUnsafeSlow(bytes);
  const rested = atRest.pop();
  if (rested !== undefined) return rested;
  if (shared === SHARED_BUFFERS) return Buffer.allocUnsafeSlow(bytes);
  shared++;
  return Buffer.allocUnsafeSlow(BUFFER_BYTES);
}

function giveBack(buffer: Uint8Array): void {
  if (buffer.length === BUFFER_BYTES && atRest.length < SHARED_BUFFERS) atRest.push(buffer);
}
