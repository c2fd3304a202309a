/**
 * Initial sequence numbers (RFC 6528): a clock of 4 µs a tick, plus a keyed hash
 * of the flow, so that numbers of one flow increase and nobody without the key
 * can tell those of another.
 *
 * The hash is HalfSipHash-2-4 (Aumasson and Bernstein): SipHash with 32-bit
 * words, a key of 64 bits and an output of 32, which is all a sequence number
 * has, and what 32-bit integer arithmetic does fast.
 */
import { getInt32 } from '../wire/bytes.ts';
import type { Flow } from '../ip/flow.ts';

const TICKS_PER_MS = 250;

export class IsnGenerator {
  readonly #hash: HalfSipHash;

  constructor(random: (bytes: Uint8Array) => void) {
    const key = new Uint8Array(8);
    random(key);
    this.#hash = new HalfSipHash(getInt32(key, 0), getInt32(key, 4));
  }

  next(flow: Flow, nowMs: number): number {
    const ports = (flow.localPort << 16) | flow.remotePort;
    const ticks = Math.floor(nowMs * TICKS_PER_MS) % 2 ** 32;
    return (this.#hash.words3(flow.local, flow.remote, ports) + ticks) | 0;
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

  /** The hash of three words, as of their twelve bytes in little-endian order. */
  words3(a: number, b: number, c: number): number {
    this.#v0 = this.#key0;
    this.#v1 = this.#key1;
    this.#v2 = 0x6c796765 ^ this.#key0;
    this.#v3 = 0x74656462 ^ this.#key1;
    this.#compress(a);
    this.#compress(b);
    this.#compress(c);
    this.#compress(12 << 24);
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
