/**
 * A device with observers: what passes is shown to them, and passes as before.
 *
 * The stack has no hook for this and pays nothing where nobody looks. Whoever
 * drives the device hands frames that come in to `received` before it gives them
 * to the stack; those that go out are seen on their way.
 */
import type { Device, OutgoingFrame } from '../device.ts';
import { copyBytes } from '../wire/bytes.ts';

export type Direction = 'in' | 'out';

export interface FrameObserver {
  /**
   * @param timeMs since the epoch, with fractions
   * @param frame from the virtio-net header on; a view that is valid during the call
   */
  frame(timeMs: number, direction: Direction, frame: Uint8Array): void;
}

/** Of a frame with segmentation offload, with room for its headers. */
const LARGEST_FRAME_BYTES = 65_536 + 256;

export class ObservedDevice implements Device {
  readonly #device: Device;
  readonly #observers: readonly FrameObserver[];
  readonly #timeMs: () => number;
  /** The pieces of a frame that goes out, put together. */
  readonly #whole = new Uint8Array(LARGEST_FRAME_BYTES);

  /** @param timeMs the time of day, for the records: milliseconds since the epoch */
  constructor(device: Device, observers: readonly FrameObserver[], timeMs: () => number) {
    this.#device = device;
    this.#observers = observers;
    this.#timeMs = timeMs;
  }

  get mtu(): number {
    return this.#device.mtu;
  }

  get maxPacket(): number {
    return this.#device.maxPacket;
  }

  get checksumOffload(): boolean {
    return this.#device.checksumOffload ?? true;
  }

  get udpSegmentation(): boolean {
    return this.#device.udpSegmentation ?? false;
  }

  /** A frame came in, and is about to be given to the stack. */
  received(buffer: Uint8Array, offset: number, length: number): void {
    this.#show('in', buffer.subarray(offset, offset + length));
  }

  send(frame: OutgoingFrame): boolean {
    if (!this.#device.send(frame)) return false;
    let length = frame.headLength;
    copyBytes(frame.head, 0, this.#whole, 0, length);
    for (let i = 0; i < frame.pieceCount; i++) {
      copyBytes(frame.pieces[i], frame.pieceOffset[i], this.#whole, length, frame.pieceLength[i]);
      length += frame.pieceLength[i];
    }
    this.#show('out', this.#whole.subarray(0, length));
    return true;
  }

  #show(direction: Direction, frame: Uint8Array): void {
    const timeMs = this.#timeMs();
    for (const observer of this.#observers) observer.frame(timeMs, direction, frame);
  }
}
