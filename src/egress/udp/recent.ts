/**
 * A bounded table that gives up who was not used again before who was.
 *
 *     fresh ── used again, when its turn to go comes ──▶ kept, half of all at most
 *
 * Thousands that come once, as questions to a DNS server do, take each other's
 * place in the first part alone: whoever was used again stays, also where it is
 * silent meanwhile, while there is room in the second. Of those the ones unused for longest go, nearly: by second
 * chance, so that use costs a flag and no reordering for each datagram.
 */

export interface Used {
  /** Set by whoever uses the entry again. */
  used: boolean;
}

export class RecentTable<K, V extends Used> {
  readonly #fresh = new Map<K, V>();
  readonly #kept = new Map<K, V>();
  readonly #most: number;
  readonly #evict: (value: V) => void;

  /** @param evict told of what has to go for others to come, after it is out of the table */
  constructor(most: number, evict: (value: V) => void) {
    this.#most = most;
    this.#evict = evict;
  }

  get size(): number {
    return this.#fresh.size + this.#kept.size;
  }

  get(key: K): V | undefined {
    return this.#fresh.get(key) ?? this.#kept.get(key);
  }

  add(key: K, value: V): void {
    if (this.size >= this.#most) this.#makeRoom();
    this.#fresh.set(key, value);
  }

  delete(key: K): void {
    if (!this.#fresh.delete(key)) this.#kept.delete(key);
  }

  *values(): IterableIterator<V> {
    yield* this.#fresh.values();
    yield* this.#kept.values();
  }

  #makeRoom(): void {
    for (const [key, value] of this.#fresh) {
      this.#fresh.delete(key);
      if (!value.used) {
        this.#evict(value);
        return;
      }
      value.used = false;
      this.#kept.set(key, value);
      if (this.#kept.size > this.#most / 2) break;
    }
    this.#evictKept();
  }

  /** Each is passed over once at most: its flag is cleared then. */
  #evictKept(): void {
    for (const [key, value] of this.#kept) {
      this.#kept.delete(key);
      if (!value.used) {
        this.#evict(value);
        return;
      }
      value.used = false;
      this.#kept.set(key, value);
    }
  }
}
