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
 * are not ours to change; the copy is then masked in place, word by word.
 */
import { randomFillSync } from 'node:crypto';
import type { Framing } from './outgoing.ts';

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

/** A client's longest header: 2 bytes, 8 of length, 4 of mask. */
const MAX_CLIENT_HEADER = 14;

/** One frame a write: final, its payload `head` followed by `payload`, masked. */
export const WEBSOCKET_FRAMING: Framing = {
  overhead: MAX_CLIENT_HEADER,
  put(target, at, opcode, head, payload) {
    const length = head.length + (payload?.length ?? 0);
    target[at++] = 0x80 | opcode;
    at = putLength(target, at, length);
    const key = nextKey();
    for (let i = 0; i < 4; i++) target[at++] = key >>> (8 * i);
    target.set(head, at);
    if (payload) target.set(payload, at + head.length);
    mask(target, at, at + length, key);
    return at + length;
  },
};

function putLength(target: Uint8Array, at: number, length: number): number {
  const MASKED = 0x80;
  if (length < 126) {
    target[at] = MASKED | length;
    return at + 1;
  }
  const bytes = length < 65_536 ? 2 : 8;
  target[at] = MASKED | (bytes === 2 ? 126 : 127);
  for (let i = bytes, rest = length; i > 0; i--, rest = Math.floor(rest / 256)) target[at + i] = rest;
  return at + 1 + bytes;
}

/** @param key its low byte is the first of the mask */
function mask(bytes: Uint8Array, start: number, end: number, key: number): void {
  let at = start;
  for (; at < end && ((bytes.byteOffset + at) & 3) !== 0; at++) bytes[at] ^= key >>> (8 * ((at - start) & 3));
  const count = (end - at) >> 2;
  if (count > 0)
    maskWords(new Int32Array(bytes.buffer, bytes.byteOffset + at, count), inMemory(key, (at - start) & 3));
  for (at += 4 * count; at < end; at++) bytes[at] ^= key >>> (8 * ((at - start) & 3));
}

/** The loop that costs: eight at a time leave a third of it. */
function maskWords(words: Int32Array, key: number): void {
  const { length } = words;
  const unrolled = length & ~7;
  let i = 0;
  for (; i < unrolled; i += 8) {
    words[i] ^= key;
    words[i + 1] ^= key;
    words[i + 2] ^= key;
    words[i + 3] ^= key;
    words[i + 4] ^= key;
    words[i + 5] ^= key;
    words[i + 6] ^= key;
    words[i + 7] ^= key;
  }
  for (; i < length; i++) words[i] ^= key;
}

const keyBytes = new Uint8Array(4);
const keyWord = new Int32Array(keyBytes.buffer);

/** The word that masks from byte `phase` of the key on, in the byte order of this machine. */
function inMemory(key: number, phase: number): number {
  for (let i = 0; i < 4; i++) keyBytes[i] = key >>> (8 * ((phase + i) & 3));
  return keyWord[0];
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
