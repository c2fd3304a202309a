/**
 * The sandbox's network interface, as the stack drives it: frames with
 * virtio-net headers, in batches from the command, one by one to it. The frames
 * of a veth pair have an Ethernet header between that and the packet.
 */

import { constants } from 'node:os';
import type { Device, OutgoingFrame } from '../stack/device.ts';
import type { Link, LinkKind } from './link.ts';
import type { Addon, DeviceHandle } from './native/addon.ts';

/** The most frames a wake-up takes; then the event loop goes on to others. */
const BATCH_FRAMES = 64;

/** Virtio-net header and the largest IP packet, and room to keep the slots apart by whole cache lines. */
const SLOT_BYTES = 65_536 + 256;

/** The largest IPv4 packet (RFC 791, 3.1: the length field has 16 bits). */
const MAX_PACKET = 65_535;

/** Frames of one wake-up: frame i is `lengths[i]` bytes at `offsets[i]` of the arena, until the callback returns. */
export type BatchHandler = (
  arena: Uint8Array,
  offsets: Int32Array,
  lengths: Int32Array,
  count: number,
) => void;

function nothing(): void {}

export class LinkDevice implements Device {
  readonly kind: LinkKind;
  /** What the stack has to be told: its `framing`. */
  readonly framing: 'ip' | 'ethernet';
  readonly mtu: number;
  readonly maxPacket: number;
  readonly checksumOffload: boolean;
  readonly udpSegmentation: boolean;
  /** Called once after `send` has returned false, when the device takes frames again. */
  onWritable: () => void = nothing;
  /** Called once when the interface is gone, with its namespace. */
  onEnd: () => void = nothing;
  /** Bytes of all frames, with their headers; over the life of the interface. */
  bytesFromCommand = 0;
  bytesToCommand = 0;
  /** Frames that the kernel refused: malformed, or sent while the interface was down. */
  refusedFrames = 0;

  readonly #api: Addon;
  readonly #handle: DeviceHandle;
  readonly #ownNamespace: boolean;
  readonly #offsets = new Int32Array(BATCH_FRAMES);
  readonly #lengths = new Int32Array(BATCH_FRAMES);
  #onBatch: BatchHandler = nothing;
  #bound: OutgoingFrame | undefined;
  #closed = false;

  /**
   * Takes over the fd.
   *
   * @param ownNamespace nothing of the network namespace outlives `close`: the interface may go with it
   */
  constructor(api: Addon, link: Link, ownNamespace: boolean) {
    this.#ownNamespace = ownNamespace;
    this.kind = link.kind;
    this.framing = link.kind === 'veth' ? 'ethernet' : 'ip';
    this.mtu = link.mtu;
    this.checksumOffload = link.offload !== 'none';
    this.maxPacket = this.checksumOffload ? MAX_PACKET : link.mtu;
    this.udpSegmentation = link.offload === 'tcp+udp';
    this.#api = api;
    const isRing = link.kind === 'veth';
    const arena = isRing ? api.mapRing(link.fd) : new Uint8Array(BATCH_FRAMES * SLOT_BYTES);
    this.#handle = api.openDevice(
      link.fd,
      arena,
      isRing ? 0 : SLOT_BYTES,
      this.#offsets,
      this.#lengths,
      (count) => {
        for (let i = 0; i < count; i++) this.bytesFromCommand += this.#lengths[i];
        this.#onBatch(arena, this.#offsets, this.#lengths, count);
      },
      () => this.onWritable(),
      () => this.onEnd(),
    );
  }

  /** From now on frames are handed over; those sent before wait in the kernel's queue. */
  start(onBatch: BatchHandler): void {
    this.#onBatch = onBatch;
    this.#api.startDevice(this.#handle);
  }

  send(frame: OutgoingFrame): boolean {
    if (this.#closed) return true;
    if (this.#bound !== frame) {
      this.#api.bindFrame(this.#handle, frame.head, frame.pieceOffset, frame.pieceLength);
      this.#bound = frame;
    }
    const errno = this.#api.writeFrame(this.#handle, frame.headLength, frame.pieces, frame.pieceCount);
    if (errno === constants.errno.EAGAIN) return false;
    if (errno !== 0) {
      this.refusedFrames++;
      return true;
    }
    this.bytesToCommand += frame.headLength;
    for (let i = 0; i < frame.pieceCount; i++) this.bytesToCommand += frame.pieceLength[i];
    return true;
  }

  close(): void {
    this.#closed = true;
    this.#api.closeDevice(this.#handle, this.#ownNamespace);
  }
}
