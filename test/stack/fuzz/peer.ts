/**
 * A guest's end of one flow, as far as it takes to say something sensible: where
 * its own numbers stand and what it has heard of the stack's.
 *
 * What it sends is a function of the sequence number, so that what the
 * application reads can be checked whatever came in which order.
 */
import { expect } from 'vitest';
import {
  GUEST,
  GUEST6,
  long,
  type Offload,
  type ParsedFrame,
  SERVICE,
  SERVICE6,
  stream,
  streamByte,
  tcpFrame,
} from '../harness/packets.ts';

export const [FIN, SYN, RST, PSH, ACK, URG] = [1, 2, 4, 8, 16, 32];

export interface SegmentFields {
  flags: number;
  seq?: number;
  ack?: number;
  length?: number;
  /** Blocks of bytes of the stack's, edge by edge. */
  sack?: readonly number[];
  timestamp?: number;
  urgentPointer?: number;
  options?: readonly number[];
  badChecksum?: boolean;
}

export class Peer {
  readonly port: number;
  readonly ip: 4 | 6;
  /** The next number of ours. */
  next = 0x7fff_ff00;
  /** SND.UNA and SND.NXT of the stack as they look from here; its initial number. */
  acked = 0;
  stackNext = 0;
  stackIsn = 0;
  window = 1000;
  timestamps = false;
  clock = 1000;
  stackClock = 0;
  /** What the stack sent last. */
  heard: Uint8Array | null = null;

  constructor(port: number, ip: 4 | 6) {
    this.port = port;
    this.ip = ip;
  }

  get ends(): { source: string; destination: string } {
    return this.ip === 4
      ? { source: GUEST, destination: SERVICE }
      : { source: GUEST6, destination: SERVICE6 };
  }

  segment(fields: SegmentFields, offload: Offload = {}): Uint8Array {
    const { flags, seq = this.next, ack = this.stackNext, length = 0, sack = [] } = fields;
    const options = [...(fields.options ?? [])];
    if (this.timestamps && (flags & SYN) === 0) {
      options.push(1, 1, 8, 10, ...long(fields.timestamp ?? this.clock), ...long(this.stackClock));
    }
    if (sack.length > 0) options.push(1, 1, 5, 2 + 4 * sack.length, ...sack.flatMap((edge) => long(edge)));
    return tcpFrame(
      {
        ...this.ends,
        sourcePort: this.port,
        sequence: seq | 0,
        acknowledgment: (flags & ACK) === 0 ? 0 : ack | 0,
        flags,
        window: this.window,
        options,
        payload: stream(seq, length),
        urgentPointer: fields.urgentPointer ?? 0,
        badChecksum: fields.badChecksum ?? false,
      },
      offload,
    );
  }

  /** A segment of the stack's; its bytes are those of the stream it was given. */
  hears({ payload: segment, packet }: ParsedFrame): void {
    const view = new DataView(segment.buffer, segment.byteOffset, segment.byteLength);
    const flags = view.getUint8(13);
    const headerLength = (view.getUint8(12) >>> 4) * 4;
    const sequence = view.getInt32(4);
    const length = segment.length - headerLength;
    if ((flags & RST) !== 0) return;
    this.heard = packet.slice(0, 68);
    if ((flags & SYN) !== 0) {
      this.stackIsn = sequence;
      this.acked = sequence;
      this.stackNext = (sequence + 1) | 0;
      return;
    }
    for (let at = 0; at < length; at += 1 + (length >>> 6)) {
      const position = (sequence - this.stackIsn - 1 + at) | 0;
      if (segment[headerLength + at] !== streamByte(position)) expect.fail(`wrong byte out at ${position}`);
    }
    if (headerLength >= 32 && segment[22] === 8) this.stackClock = view.getInt32(24);
    const end = (sequence + length + (flags & FIN)) | 0;
    if (((end - this.stackNext) | 0) > 0) this.stackNext = end;
  }
}
