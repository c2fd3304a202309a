/**
 * Flows by address and port: open addressing with linear probing on an
 * Int32Array, about a fortieth of the price of a Map with string keys.
 *
 * A key is a fixed number of 32-bit words that the caller puts into `key`
 * before a call: three for IPv4 (local, remote, ports), nine for IPv6. Deleting
 * moves later entries of the same run back, so there are no tombstones and a
 * look-up never gets slower with age. The hash is seeded, so that a guest cannot
 * aim at one run by choosing its ports.
 */
const FIRST_CAPACITY = 64;

export class FlowTable<T> {
  /** The key of the next call. */
  readonly key: Int32Array;
  readonly #keyWords: number;
  readonly #seed: number;
  #keys: Int32Array;
  #values: (T | null)[];
  #mask: number;
  #size = 0;

  constructor(keyWords: number, seed: number) {
    this.key = new Int32Array(keyWords);
    this.#keyWords = keyWords;
    this.#seed = seed | 0;
    this.#keys = new Int32Array(FIRST_CAPACITY * keyWords);
    this.#values = emptyValues<T>(FIRST_CAPACITY);
    this.#mask = FIRST_CAPACITY - 1;
  }

  get size(): number {
    return this.#size;
  }

  find(): T | null {
    return this.#values[this.#slot()];
  }

  /** Adds or replaces. */
  set(value: T): void {
    let slot = this.#slot();
    if (this.#values[slot] === null) {
      if (this.#size * 2 >= this.#mask) {
        this.#grow();
        slot = this.#slot();
      }
      this.#keys.set(this.key, slot * this.#keyWords);
      this.#size++;
    }
    this.#values[slot] = value;
  }

  remove(): boolean {
    let hole = this.#slot();
    if (this.#values[hole] === null) return false;
    this.#values[hole] = null;
    this.#size--;
    const words = this.#keyWords;
    let next = (hole + 1) & this.#mask;
    while (this.#values[next] !== null) {
      const home = this.#hash(this.#keys, next * words) & this.#mask;
      // The entry may move back into the hole unless its home lies behind the hole.
      if (((next - home) & this.#mask) >= ((next - hole) & this.#mask)) {
        this.#keys.copyWithin(hole * words, next * words, next * words + words);
        this.#values[hole] = this.#values[next];
        this.#values[next] = null;
        hole = next;
      }
      next = (next + 1) & this.#mask;
    }
    return true;
  }

  *values(): IterableIterator<T> {
    for (const value of this.#values) if (value !== null) yield value;
  }

  /** Where the key is, or the empty slot where it would go. */
  #slot(): number {
    const words = this.#keyWords;
    const keys = this.#keys;
    let slot = this.#hash(this.key, 0) & this.#mask;
    while (this.#values[slot] !== null) {
      const base = slot * words;
      let i = 0;
      while (i < words && keys[base + i] === this.key[i]) i++;
      if (i === words) return slot;
      slot = (slot + 1) & this.#mask;
    }
    return slot;
  }

  /** Multiply and rotate for each word, then an avalanche, so that the low bits depend on all. */
  #hash(words: Int32Array, offset: number): number {
    let hash = this.#seed;
    for (let i = 0; i < this.#keyWords; i++) {
      hash = Math.imul(hash ^ words[offset + i], 0x9e3779b1);
      hash = (hash << 13) | (hash >>> 19);
    }
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
    return hash ^ (hash >>> 13);
  }

  #grow(): void {
    const oldKeys = this.#keys;
    const oldValues = this.#values;
    const words = this.#keyWords;
    const capacity = oldValues.length * 2;
    const wanted = this.key.slice();
    this.#keys = new Int32Array(capacity * words);
    this.#values = emptyValues<T>(capacity);
    this.#mask = capacity - 1;
    for (let i = 0; i < oldValues.length; i++) {
      if (oldValues[i] === null) continue;
      for (let word = 0; word < words; word++) this.key[word] = oldKeys[i * words + word];
      const slot = this.#slot();
      this.#keys.set(this.key, slot * words);
      this.#values[slot] = oldValues[i];
    }
    this.key.set(wanted);
  }
}

function emptyValues<T>(capacity: number): (T | null)[] {
  return Array.from({ length: capacity }, () => null);
}
