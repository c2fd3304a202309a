/**
 * A capture in the pcapng format (draft-ietf-opsawg-pcapng), which Wireshark and
 * tcpdump read: a section header, one interface, an enhanced packet block for
 * each frame, with its direction, and what of them is missing at the end.
 *
 * The virtio-net header is stripped: the link type is raw IP or Ethernet. What
 * the device was to finish is captured unfinished, so that checksums of packets
 * that go out may look wrong, and packets may be longer than the mtu, as in a
 * capture on any host with offloads.
 */
import type { Framing } from '../ip/path/link.ts';
import { VIRTIO_NET_HEADER_BYTES } from '../wire/virtio-net.ts';
import type { Direction, FrameObserver } from './observed-device.ts';

const SECTION_HEADER = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION = 1;
const INTERFACE_STATISTICS = 5;
const ENHANCED_PACKET = 6;

const BYTE_ORDER_MAGIC = 0x1a2b_3c4d;
const LINKTYPE_ETHERNET = 1;
const LINKTYPE_RAW = 101;

const OPTION_END = 0;
const OPTION_IF_NAME = 2;
const OPTION_ISB_IFRECV = 4;
const OPTION_ISB_IFDROP = 5;
const OPTION_EPB_FLAGS = 2;
const FLAG_INBOUND = 1;
const FLAG_OUTBOUND = 2;

/** Type and length in front, the length again behind. */
const BLOCK_OVERHEAD_BYTES = 12;
const SECTION_BYTES = BLOCK_OVERHEAD_BYTES + 16;
/** Times are in microseconds, where no option says otherwise. */
const INTERFACE_FIXED_BYTES = 8;
const PACKET_FIXED_BYTES = 20;
/** Flags (8), end of options (4). */
const PACKET_OPTION_BYTES = 12;
/** Interface (4), time (8), two counts with their headers (12 each), end of options (4). */
const STATISTICS_BYTES = BLOCK_OVERHEAD_BYTES + 40;

const WHOLE_PACKETS = 262_144;

export interface PcapngOptions {
  readonly framing: Framing;
  /** Of the interface, as readers show it; ASCII. */
  readonly interfaceName?: string;
  /** Bytes kept of each packet; default all. */
  readonly snapLength?: number;
}

export interface CaptureCounts {
  /** Frames that passed, captured or not. */
  readonly received: number;
  /** Frames among them that are not in the capture. */
  readonly dropped: number;
}

/** Each call of the sink is one or more whole blocks, in an array that the sink may keep. */
export class PcapngWriter implements FrameObserver {
  readonly #sink: (bytes: Uint8Array) => void;
  readonly #snapLength: number;

  constructor(sink: (bytes: Uint8Array) => void, options: PcapngOptions) {
    this.#sink = sink;
    this.#snapLength = options.snapLength ?? WHOLE_PACKETS;
    sink(openingBlocks(options, this.#snapLength));
  }

  frame(timeMs: number, direction: Direction, frame: Uint8Array): void {
    if (frame.length <= VIRTIO_NET_HEADER_BYTES) return;
    const originalLength = frame.length - VIRTIO_NET_HEADER_BYTES;
    const capturedLength = Math.min(originalLength, this.#snapLength);
    const padded = (capturedLength + 3) & ~3;
    const length = BLOCK_OVERHEAD_BYTES + PACKET_FIXED_BYTES + padded + PACKET_OPTION_BYTES;
    const block = new Uint8Array(length);
    const view = new DataView(block.buffer);
    writeBlock(view, 0, ENHANCED_PACKET, length);
    writeTime(view, 12, timeMs);
    view.setUint32(20, capturedLength, true);
    view.setUint32(24, originalLength, true);
    const packet = frame.subarray(VIRTIO_NET_HEADER_BYTES, VIRTIO_NET_HEADER_BYTES + capturedLength);
    block.set(packet, 28);
    const options = 28 + padded;
    view.setUint16(options, OPTION_EPB_FLAGS, true);
    view.setUint16(options + 2, 4, true);
    view.setUint32(options + 4, direction === 'in' ? FLAG_INBOUND : FLAG_OUTBOUND, true);
    this.#sink(block);
  }

  /** The last block of a capture that is whole. @param timeMs since the epoch */
  finish(timeMs: number, { received, dropped }: CaptureCounts): void {
    const block = new Uint8Array(STATISTICS_BYTES);
    const view = new DataView(block.buffer);
    writeBlock(view, 0, INTERFACE_STATISTICS, STATISTICS_BYTES);
    writeTime(view, 12, timeMs);
    writeCount(view, 20, OPTION_ISB_IFRECV, received);
    writeCount(view, 32, OPTION_ISB_IFDROP, dropped);
    this.#sink(block);
  }
}

function openingBlocks({ framing, interfaceName }: PcapngOptions, snapLength: number): Uint8Array {
  const options = interfaceName === undefined ? new Uint8Array() : nameOption(interfaceName);
  const interfaceBytes = BLOCK_OVERHEAD_BYTES + INTERFACE_FIXED_BYTES + options.length;
  const blocks = new Uint8Array(SECTION_BYTES + interfaceBytes);
  const view = new DataView(blocks.buffer);
  writeBlock(view, 0, SECTION_HEADER, SECTION_BYTES);
  view.setUint32(8, BYTE_ORDER_MAGIC, true);
  view.setUint16(12, 1, true);
  // Of unknown length: -1.
  view.setBigInt64(16, -1n, true);
  const at = SECTION_BYTES;
  writeBlock(view, at, INTERFACE_DESCRIPTION, interfaceBytes);
  view.setUint16(at + 8, framing === 'ip' ? LINKTYPE_RAW : LINKTYPE_ETHERNET, true);
  view.setUint32(at + 12, snapLength, true);
  blocks.set(options, at + 16);
  return blocks;
}

/** With the end of options behind it. */
function nameOption(name: string): Uint8Array {
  const text = Uint8Array.from(name, (character) => character.charCodeAt(0));
  const padded = (text.length + 3) & ~3;
  const option = new Uint8Array(4 + padded + 4);
  const view = new DataView(option.buffer);
  view.setUint16(0, OPTION_IF_NAME, true);
  view.setUint16(2, text.length, true);
  option.set(text, 4);
  view.setUint16(4 + padded, OPTION_END, true);
  return option;
}

/** Microseconds in two halves, the upper one first. A double holds those of this century and the next exactly. */
function writeTime(view: DataView, offset: number, timeMs: number): void {
  const timeUs = Math.round(timeMs * 1000);
  view.setUint32(offset, Math.floor(timeUs / 2 ** 32), true);
  view.setUint32(offset + 4, timeUs % 2 ** 32, true);
}

function writeCount(view: DataView, offset: number, option: number, count: number): void {
  view.setUint16(offset, option, true);
  view.setUint16(offset + 2, 8, true);
  view.setBigUint64(offset + 4, BigInt(count), true);
}

function writeBlock(view: DataView, offset: number, type: number, length: number): void {
  view.setUint32(offset, type, true);
  view.setUint32(offset + 4, length, true);
  view.setUint32(offset + length - 4, length, true);
}
