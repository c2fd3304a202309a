/**
 * A bounded table that gives up who has not been used for longest, nearly: by
 * second chance, so that use costs a flag and no reordering for each datagram.
 */

export interface Used {
  /** Set by whoever uses the entry. */
  used: boolean;
}

export class RecentTable<K, V extends Used> {
  readonly #entries = new Map<K, V>();
  readonly #most: number;
  readonly #evict: (value: V) => void;

  /** @param evict told of what has to go for others to come, after it is out of the table */
  constructor(most: number, evict: (value: V) => void) {
    this.#most = most;
    this.#evict = evict;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: K): V | undefined {
    return this.#entries.get(key);
  }

  add(key: K, value: V): void {
    if (this.#entries.size >= this.#most) this.#makeRoom();
    this.#entries.set(key, value);
  }

  delete(key: K): void {
    this.#entries.delete(key);
  }

  values(): IterableIterator<V> {
    return this.#entries.values();
  }

  /** Each entry is passed over once at most: its flag is cleared then. */
  #makeRoom(): void {
    for (const [key, value] of this.#entries) {
      this.#entries.delete(key);
      if (!value.used) {
        this.#evict(value);
        return;
      }
      value.used = false;
      this.#entries.set(key, value);
    }
  }
}
