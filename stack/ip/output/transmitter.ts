/**
 * The way to the device, and what happens when it is full.
 *
 * A TCP connection keeps what it wants to send and asks again (`trySend`).
 * A datagram has nobody to keep it: it is copied to a bounded outbox
 * (`sendOrQueue`), and dropped with a counter where that is full as well. The
 * outbox goes first when the device has room again.
 */
import type { Counters } from '../../counters.ts';
import { type Device, OutgoingFrame } from '../../device.ts';
import type { StackLimits } from '../../limits.ts';
import { copyBytes } from '../../wire/bytes.ts';
import { completeChecksum } from './frame-checksum.ts';

interface QueuedFrame {
  readonly bytes: Uint8Array;
  readonly headLength: number;
}

const NOTHING = new Uint8Array(0);

export class Transmitter {
  /** To be filled before each send; the headers start at 0 with the virtio-net header. */
  readonly frame = new OutgoingFrame();
  readonly device: Device;
  readonly #checksumOffload: boolean;
  readonly #limits: StackLimits;
  readonly #counters: Counters;
  readonly #outbox: QueuedFrame[] = [];
  #outboxBytes = 0;
  #full = false;

  constructor(device: Device, limits: StackLimits, counters: Counters) {
    this.device = device;
    this.#checksumOffload = device.checksumOffload ?? true;
    this.#limits = limits;
    this.#counters = counters;
  }

  /** Nothing more can be sent until `writable`. */
  get full(): boolean {
    return this.#full;
  }

  /** @returns false where the device is full: the sender comes back after `writable` */
  trySend(): boolean {
    if (this.#full) return false;
    return this.#send();
  }

  /** @returns false where the frame was dropped */
  sendOrQueue(): boolean {
    if (!this.#full && this.#send()) return true;
    return this.#queue();
  }

  /** The device has room again. */
  writable(): void {
    this.#full = false;
    let sent = 0;
    while (sent < this.#outbox.length && !this.#full) {
      this.#load(this.#outbox[sent]);
      if (this.#send()) {
        this.#outboxBytes -= this.#outbox[sent].bytes.length;
        sent++;
      }
    }
    if (sent > 0) this.#outbox.splice(0, sent);
  }

  #send(): boolean {
    const frame = this.frame;
    if (!this.#checksumOffload) completeChecksum(frame);
    const taken = this.device.send(frame);
    if (taken) {
      this.#counters.framesOut++;
      // The frame outlives its use by far; what it points at need not.
      for (let i = 0; i < frame.pieceCount; i++) frame.pieces[i] = NOTHING;
    } else {
      this.#counters.deviceFull++;
      this.#full = true;
    }
    return taken;
  }

  #queue(): boolean {
    const frame = this.frame;
    let length = frame.headLength;
    for (let i = 0; i < frame.pieceCount; i++) length += frame.pieceLength[i];
    if (
      this.#outbox.length >= this.#limits.maxOutboxFrames ||
      this.#outboxBytes + length > this.#limits.maxOutboxBytes
    ) {
      this.#counters.outboxDropped++;
      return false;
    }
    const bytes = new Uint8Array(length);
    copyBytes(frame.head, 0, bytes, 0, frame.headLength);
    let offset = frame.headLength;
    for (let i = 0; i < frame.pieceCount; i++) {
      copyBytes(frame.pieces[i], frame.pieceOffset[i], bytes, offset, frame.pieceLength[i]);
      offset += frame.pieceLength[i];
    }
    this.#outbox.push({ bytes, headLength: frame.headLength });
    this.#outboxBytes += length;
    return true;
  }

  #load(queued: QueuedFrame): void {
    const frame = this.frame;
    copyBytes(queued.bytes, 0, frame.head, 0, queued.headLength);
    frame.headLength = queued.headLength;
    frame.pieceCount = queued.bytes.length > queued.headLength ? 1 : 0;
    frame.pieces[0] = queued.bytes;
    frame.pieceOffset[0] = queued.headLength;
    frame.pieceLength[0] = queued.bytes.length - queued.headLength;
  }
}
