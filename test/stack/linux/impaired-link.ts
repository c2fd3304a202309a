/**
 * A bad link between the stack and the kernel: it loses, repeats, reorders,
 * delays and corrupts packets, each by a seeded choice, in both directions.
 *
 * Corruption has to be seen by a checksum, so the checksum that offload would
 * have left to the receiver is finished first. A packet that is still to be
 * segmented has none for each segment; it is lost instead, which is what a
 * receiver makes of a corrupted one.
 */

import { type Device, OutgoingFrame } from '../../../stack/device.ts';
import type { LinkDevice } from '../../../sandbox/index.ts';
import { finishChecksum, sumBytes } from '../../../stack/wire/checksum.ts';
import { ETHERNET_HEADER_BYTES } from '../../../stack/wire/ethernet.ts';
import { IPV6_HEADER_BYTES } from '../../../stack/wire/ipv6.ts';
import {
  FLAG_NEEDS_CHECKSUM,
  GSO_NONE,
  virtioChecksumOffset,
  virtioChecksumStart,
  virtioFlags,
  virtioGsoType,
  VIRTIO_NET_HEADER_BYTES,
  writeVirtioPlain,
} from '../../../stack/wire/virtio-net.ts';
import { flatten } from '../harness/flatten.ts';
import { Random } from '../harness/network.ts';

/** Probabilities of each mishap, and the delay of every packet in milliseconds. */
export interface Impairment {
  readonly loss: number;
  readonly duplicate: number;
  /** A reordered packet is held back until others have passed it. */
  readonly reorder: number;
  readonly corrupt: number;
  readonly delayMs: number;
}

export const PERFECT: Impairment = { loss: 0, duplicate: 0, reorder: 0, corrupt: 0, delayMs: 0 };

/** How much longer than others a reordered packet takes. */
const REORDER_MS = 3;

export class ImpairedLink implements Device {
  readonly mtu: number;
  readonly maxPacket: number;
  readonly checksumOffload: boolean;
  readonly udpSegmentation: boolean;
  /** Packets that were lost, changed, repeated or held back so far. */
  mishaps = 0;
  readonly #device: LinkDevice;
  /** Of everything before the IP header. */
  readonly #headBytes: number;
  readonly #random: Random;
  readonly #impairment: Impairment;
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #frame = new OutgoingFrame();
  #receive: (frame: Uint8Array) => void = () => {};

  /** @param segmentation whether the stack may leave segmentation to the kernel */
  constructor(device: LinkDevice, impairment: Impairment, seed: number, segmentation: boolean) {
    this.#device = device;
    this.#headBytes = VIRTIO_NET_HEADER_BYTES + (device.framing === 'ethernet' ? ETHERNET_HEADER_BYTES : 0);
    this.#impairment = impairment;
    this.#random = new Random(seed);
    this.mtu = device.mtu;
    this.maxPacket = segmentation ? device.maxPacket : device.mtu;
    this.checksumOffload = device.checksumOffload;
    this.udpSegmentation = segmentation && device.udpSegmentation;
  }

  /** Packets of the kernel, a frame at a time. */
  start(receive: (frame: Uint8Array) => void): void {
    this.#receive = receive;
    this.#device.start((arena, offsets, lengths, count) => {
      for (let i = 0; i < count; i++)
        this.#pass(arena.slice(offsets[i], offsets[i] + lengths[i]), (frame) => this.#receive(frame));
    });
  }

  send(frame: OutgoingFrame): boolean {
    this.#pass(flatten(frame), (bytes) => this.#toKernel(bytes));
    return true;
  }

  stop(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#receive = () => {};
  }

  #pass(frame: Uint8Array, deliver: (frame: Uint8Array) => void): void {
    const { loss, duplicate, reorder, corrupt, delayMs } = this.#impairment;
    if (this.#happens(loss)) return;
    if (this.#happens(corrupt) && !this.#corrupt(frame)) return;
    const copies = this.#happens(duplicate) ? 2 : 1;
    for (let i = 0; i < copies; i++) {
      const wait = delayMs + (this.#happens(reorder) ? REORDER_MS : 0);
      if (wait === 0) {
        deliver(frame);
        continue;
      }
      const timer = setTimeout(() => {
        this.#timers.delete(timer);
        deliver(frame);
      }, wait);
      this.#timers.add(timer);
    }
  }

  #happens(probability: number): boolean {
    const happens = this.#random.next() < probability;
    if (happens) this.mishaps++;
    return happens;
  }

  /** Changes one bit behind the IP header. @returns false where that would go unseen */
  #corrupt(frame: Uint8Array): boolean {
    if (virtioGsoType(frame, 0) !== GSO_NONE) return false;
    if ((virtioFlags(frame, 0) & FLAG_NEEDS_CHECKSUM) !== 0) {
      const start = VIRTIO_NET_HEADER_BYTES + virtioChecksumStart(frame, 0);
      const field = start + virtioChecksumOffset(frame, 0);
      // The field holds the sum of the pseudo-header, so it counts in as it is.
      const checksum = finishChecksum(sumBytes(frame, start, frame.length - start, 0));
      frame[field] = checksum >>> 8;
      frame[field + 1] = checksum & 0xff;
    }
    writeVirtioPlain(frame, 0);
    const packet = this.#headBytes;
    const payload = packet + (frame[packet] >>> 4 === 6 ? IPV6_HEADER_BYTES : (frame[packet] & 15) * 4);
    const at = payload + this.#random.below(frame.length - payload);
    frame[at] ^= 1 << this.#random.below(8);
    return true;
  }

  #toKernel(bytes: Uint8Array): void {
    const frame = this.#frame;
    frame.headLength = VIRTIO_NET_HEADER_BYTES;
    frame.head.set(bytes.subarray(0, VIRTIO_NET_HEADER_BYTES));
    frame.pieces[0] = bytes;
    frame.pieceOffset[0] = VIRTIO_NET_HEADER_BYTES;
    frame.pieceLength[0] = bytes.length - VIRTIO_NET_HEADER_BYTES;
    frame.pieceCount = 1;
    // A full device loses the packet, as a link does.
    this.#device.send(frame);
  }
}
