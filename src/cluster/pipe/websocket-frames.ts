/**
 * WebSocket framing (RFC 6455, section 5) for a client whose messages are
 * nothing but a chopped stream of bytes.
 *
 * The reader hands payload on in the pieces in which it arrives and never joins
 * a message, so a message of any length costs no memory; that is why this is
 * here, where a general library would join messages that nobody wants joined.
 *
 * The writer masks with a fresh random key per frame (section 5.3 demands one
 * that is not predictable). Masking rests on a copy, since the caller's bytes
 * are not ours to change; the copy starts on a word boundary and is then masked
 * in place word by word, which costs less than the TLS that comes after it.
 */
import { randomFillSync } from 'node:crypto';

export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** Control frames have at most this much payload (section 5.5). */
const MAX_CONTROL_PAYLOAD = 125;
/** The longest header: 2 bytes, and 8 of length; server frames have no mask. */
const MAX_SERVER_HEADER = 10;
/** Random bytes are drawn for this many frames at a time. */
const KEYS_AT_ONCE = 1024;

const keys = new Int32Array(KEYS_AT_ONCE);
let keysUsed = KEYS_AT_ONCE;

function nextKey(): number {
  if (keysUsed === KEYS_AT_ONCE) {
    randomFillSync(keys);
    keysUsed = 0;
  }
  return keys[keysUsed++];
}

/** One final frame whose payload is `head` followed by `payload`. */
export function encodeFrame(opcode: number, head: Uint8Array, payload?: Uint8Array): Uint8Array {
  const length = head.length + (payload?.length ?? 0);
  const headerLength = (length < 126 ? 2 : length < 65_536 ? 4 : 10) + 4;
  // The payload starts on a word boundary; up to 3 bytes before the header stay unused.
  const body = (headerLength + 3) & ~3;
  const words = new Int32Array((body + length + 3) >> 2);
  const bytes = new Uint8Array(words.buffer);
  const start = body - headerLength;

  bytes[start] = 0x80 | opcode;
  if (length < 126) {
    bytes[start + 1] = 0x80 | length;
  } else {
    const view = new DataView(words.buffer);
    bytes[start + 1] = 0x80 | (length < 65_536 ? 126 : 127);
    if (length < 65_536) view.setUint16(start + 2, length);
    else view.setBigUint64(start + 2, BigInt(length));
  }
  // The key is the word before the payload, so it is aligned like the payload
  // and byte order does not matter.
  const key = nextKey();
  const firstWord = body >> 2;
  words[firstWord - 1] = key;
  bytes.set(head, body);
  if (payload) bytes.set(payload, body + head.length);
  for (let i = firstWord; i < words.length; i++) words[i] ^= key;
  return bytes.subarray(start, body + length);
}

export interface FrameEvents {
  /** A piece of a message, empty only where a frame is. */
  onPiece(opcode: number, piece: Uint8Array, startsMessage: boolean): void;
  onControl(opcode: number, payload: Uint8Array): void;
}

export class FrameReader {
  readonly #events: FrameEvents;
  readonly #header = new Uint8Array(MAX_SERVER_HEADER);
  #headerHave = 0;
  #opcode = 0;
  /** Of the message that continuation frames go on with. */
  #messageOpcode: number = OPCODE.binary;
  #payloadLeft = 0;
  #starts = false;
  #control: Uint8Array | undefined;
  #controlHave = 0;

  constructor(events: FrameEvents) {
    this.#events = events;
  }

  /** @throws an Error where the server breaks the protocol */
  feed(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#payloadLeft > 0) {
        const piece = chunk.subarray(at, at + this.#payloadLeft);
        at += piece.length;
        this.#payloadLeft -= piece.length;
        this.#payload(piece);
        continue;
      }
      this.#header[this.#headerHave++] = chunk[at++];
      if (this.#headerHave < 2) continue;
      const length7 = this.#header[1] & 0x7f;
      const wanted = length7 < 126 ? 2 : length7 === 126 ? 4 : 10;
      if (this.#headerHave === wanted) this.#begin(length7);
    }
  }

  #begin(length7: number): void {
    const [first, second] = this.#header;
    this.#headerHave = 0;
    if ((first & 0x70) !== 0) throw new Error('WebSocket frame with reserved bits');
    if ((second & 0x80) !== 0) throw new Error('masked WebSocket frame from the server');
    const view = new DataView(this.#header.buffer);
    const length =
      length7 < 126 ? length7 : length7 === 126 ? view.getUint16(2) : Number(view.getBigUint64(2));
    if (!Number.isSafeInteger(length)) throw new Error('WebSocket frame of impossible length');
    const opcode = first & 0x0f;
    if (opcode >= OPCODE.close) {
      if (length > MAX_CONTROL_PAYLOAD || (first & 0x80) === 0)
        throw new Error('overlong WebSocket control frame');
      this.#control = new Uint8Array(length);
      this.#controlHave = 0;
    } else {
      if (opcode > OPCODE.binary) throw new Error(`WebSocket frame of unknown opcode ${opcode}`);
      if (opcode !== OPCODE.continuation) this.#messageOpcode = opcode;
      this.#starts = opcode !== OPCODE.continuation;
    }
    this.#opcode = opcode;
    this.#payloadLeft = length;
    if (length === 0) this.#payload(this.#header.subarray(0, 0));
  }

  #payload(piece: Uint8Array): void {
    if (this.#control) {
      this.#control.set(piece, this.#controlHave);
      this.#controlHave += piece.length;
      if (this.#controlHave < this.#control.length) return;
      const whole = this.#control;
      this.#control = undefined;
      this.#events.onControl(this.#opcode, whole);
      return;
    }
    const starts = this.#starts;
    this.#starts = false;
    this.#events.onPiece(this.#messageOpcode, piece, starts);
  }
}
