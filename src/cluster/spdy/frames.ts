/**
 * SPDY/3.1 framing, as far as port-forwarding needs it.
 *
 * Every frame has 8 bytes of header. A data frame: stream id (31 bits, top bit
 * 0), flags, length (24 bits). A control frame: 0x8003 (control bit and
 * version), type, flags, length.
 *
 * Payload of data frames is handed on in the pieces in which it arrives. Of a
 * control frame only the first 8 bytes of the body mean anything to us (a stream
 * id, a status, a ping's id); the rest, header blocks above all, is skipped
 * unread: the far end says nothing in them that the protocol needs.
 */

export const CONTROL = {
  synStream: 1,
  synReply: 2,
  rstStream: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  headers: 8,
} as const;

export const FLAG_FIN = 0x01;

/** RST_STREAM status codes (SPDY/3.1, section 2.6.3). */
export const RST_STATUS = { refusedStream: 3, cancel: 5 } as const;

/** Longest payload of a data frame that we send; the far end buffers a frame whole. */
export const MAX_DATA_PAYLOAD = 64 * 1024;

const FRAME_HEADER = 8;
/** The part of a control frame's body that is looked at. */
const CONTROL_FIELDS = 8;
const NOTHING = new Uint8Array(0);

function controlFrame(type: number, flags: number, bodyLength: number): Buffer {
  const frame = Buffer.allocUnsafe(FRAME_HEADER + bodyLength);
  frame.writeUInt32BE((0x80030000 | type) >>> 0, 0);
  frame.writeUInt32BE(((flags << 24) | bodyLength) >>> 0, 4);
  return frame;
}

export function encodeSynStream(streamId: number, headerBlock: Uint8Array): Uint8Array {
  const frame = controlFrame(CONTROL.synStream, 0, 10 + headerBlock.length);
  frame.writeUInt32BE(streamId, 8);
  frame.writeUInt32BE(0, 12); // associated to no stream
  frame.writeUInt16BE(0, 16); // highest priority, no credential slot
  frame.set(headerBlock, 18);
  return frame;
}

export function encodeRstStream(streamId: number, status: number): Uint8Array {
  const frame = controlFrame(CONTROL.rstStream, 0, 8);
  frame.writeUInt32BE(streamId, 8);
  frame.writeUInt32BE(status, 12);
  return frame;
}

export function encodePing(id: number): Uint8Array {
  const frame = controlFrame(CONTROL.ping, 0, 4);
  frame.writeUInt32BE(id >>> 0, 8);
  return frame;
}

/** The header of a data frame; its payload follows by reference. */
export function encodeDataHeader(streamId: number, flags: number, length: number): Uint8Array {
  const header = Buffer.allocUnsafe(FRAME_HEADER);
  header.writeUInt32BE(streamId, 0);
  header.writeUInt32BE(((flags << 24) | length) >>> 0, 4);
  return header;
}

export interface FrameEvents {
  /** A piece of a data frame; `fin` with the last piece of a frame that ends the stream. */
  onData(streamId: number, piece: Uint8Array, fin: boolean): void;
  /** A control frame; `first` and `second` are the first two words of its body, 0 where it is shorter. */
  onControl(type: number, flags: number, first: number, second: number): void;
}

export class FrameReader {
  readonly #events: FrameEvents;
  readonly #header = new Uint8Array(FRAME_HEADER);
  readonly #fields = new Uint8Array(CONTROL_FIELDS);
  #headerHave = 0;
  #fieldsHave = 0;
  /** Of the frame's body, what has not arrived yet. */
  #bodyLeft = 0;
  #flags = 0;
  /** Of a data frame, 0 for a control frame. */
  #streamId = 0;
  #controlType = 0;

  constructor(events: FrameEvents) {
    this.#events = events;
  }

  /** @throws an Error where the bytes are not SPDY/3 */
  feed(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#bodyLeft > 0) {
        const piece = chunk.subarray(at, at + this.#bodyLeft);
        at += piece.length;
        this.#bodyLeft -= piece.length;
        this.#body(piece);
      } else {
        const take = Math.min(FRAME_HEADER - this.#headerHave, chunk.length - at);
        for (let i = 0; i < take; i++) this.#header[this.#headerHave++] = chunk[at++];
        if (this.#headerHave === FRAME_HEADER) this.#begin();
      }
    }
  }

  #begin(): void {
    const h = this.#header;
    this.#headerHave = 0;
    this.#flags = h[4];
    this.#bodyLeft = (h[5] << 16) | (h[6] << 8) | h[7];
    if ((h[0] & 0x80) !== 0) {
      if (h[0] !== 0x80 || h[1] !== 3) throw new Error('not a SPDY/3 frame');
      this.#streamId = 0;
      this.#controlType = (h[2] << 8) | h[3];
      this.#fields.fill(0);
      this.#fieldsHave = 0;
    } else {
      this.#streamId = (h[0] << 24) | (h[1] << 16) | (h[2] << 8) | h[3];
      if (this.#streamId === 0) throw new Error('SPDY data frame without a stream');
    }
    if (this.#bodyLeft === 0) this.#body(NOTHING);
  }

  #body(piece: Uint8Array): void {
    const last = this.#bodyLeft === 0;
    if (this.#streamId !== 0) {
      this.#events.onData(this.#streamId, piece, last && (this.#flags & FLAG_FIN) !== 0);
      return;
    }
    for (let i = 0; i < piece.length && this.#fieldsHave < CONTROL_FIELDS; i++) {
      this.#fields[this.#fieldsHave++] = piece[i];
    }
    if (last)
      this.#events.onControl(this.#controlType, this.#flags, word(this.#fields, 0), word(this.#fields, 4));
  }
}

function word(bytes: Uint8Array, at: number): number {
  return ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0;
}
