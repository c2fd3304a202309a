/**
 * Initial sequence numbers (RFC 6528): a clock of 4 µs a tick, plus a keyed hash
 * of the flow, so that numbers of one flow increase and nobody without the key
 * can tell those of another.
 *
 * The hash is HalfSipHash-2-4 (Aumasson and Bernstein): SipHash with 32-bit
 * words, a key of 64 bits and an output of 32, which is all a sequence number
 * has, and what 32-bit integer arithmetic does fast.
 */
import type { Flow } from '../../ip/packet/flow.ts';
import { getInt32 } from '../../wire/bytes.ts';
import { isAfter } from './sequence.ts';

const TICKS_PER_MS = 250;

/** How far a connection that follows at once starts after the old one's last number (as Linux does). */
const FOLLOWING_GAP = 65_537;

export class IsnGenerator {
  readonly #hash: HalfSipHash;

  constructor(random: (bytes: Uint8Array<ArrayBuffer>) => void) {
    const key = new Uint8Array(8);
    random(key);
    this.#hash = new HalfSipHash(getInt32(key, 0), getInt32(key, 4));
  }

  /** Where the flow's timestamps start (RFC 7323 7.1): the same for each of its connections, so that they go on. */
  timestampOffset(flow: Flow): number {
    return this.#hash.words(flow.path.addresses, (flow.remotePort << 16) | flow.localPort);
  }

  /** Beyond all that an old connection of the flow has sent, whatever the clock says (RFC 6191 2, RFC 1122 4.2.2.13). */
  following(flow: Flow, nowMs: number, sndNxt: number | null): number {
    const iss = this.next(flow, nowMs);
    return sndNxt === null || isAfter(iss, sndNxt) ? iss : (sndNxt + FOLLOWING_GAP) | 0;
  }

  next(flow: Flow, nowMs: number): number {
    const ticks = Math.floor(nowMs * TICKS_PER_MS) % 2 ** 32;
    return (this.#hash.words(flow.path.addresses, flow.ports) + ticks) | 0;
  }
}

const COMPRESSION_ROUNDS = 2;
const FINALIZATION_ROUNDS = 4;

export class HalfSipHash {
  readonly #key0: number;
  readonly #key1: number;
  #v0 = 0;
  #v1 = 0;
  #v2 = 0;
  #v3 = 0;

  constructor(key0: number, key1: number) {
    this.#key0 = key0;
    this.#key1 = key1;
  }

  /** The hash of some words and one more, as of their bytes in little-endian order. */
  words(words: readonly number[], last: number): number {
    this.#v0 = this.#key0;
    this.#v1 = this.#key1;
    this.#v2 = 0x6c796765 ^ this.#key0;
    this.#v3 = 0x74656462 ^ this.#key1;
    for (let i = 0; i < words.length; i++) this.#compress(words[i]);
    this.#compress(last);
    this.#compress((words.length + 1) << 26);
    this.#v2 ^= 0xff;
    this.#rounds(FINALIZATION_ROUNDS);
    return this.#v1 ^ this.#v3;
  }

  #compress(word: number): void {
    this.#v3 ^= word;
    this.#rounds(COMPRESSION_ROUNDS);
    this.#v0 ^= word;
  }

  #rounds(count: number): void {
    let v0 = this.#v0;
    let v1 = this.#v1;
    let v2 = this.#v2;
    let v3 = this.#v3;
    for (let i = 0; i < count; i++) {
      v0 = (v0 + v1) | 0;
      v1 = rotate(v1, 5) ^ v0;
      v0 = rotate(v0, 16);
      v2 = (v2 + v3) | 0;
      v3 = rotate(v3, 8) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = rotate(v3, 7) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = rotate(v1, 13) ^ v2;
      v2 = rotate(v2, 16);
    }
    this.#v0 = v0;
    this.#v1 = v1;
    this.#v2 = v2;
    this.#v3 = v3;
  }
}

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}
