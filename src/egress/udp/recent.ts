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
    const hasRoom = this.#evictFrom(this.#fresh, this.#most / 2);
    if (!hasRoom) this.#evictFrom(this.#kept);
  }

  /**
   * The first that was not used. Who was is passed over once: its flag is cleared, and it is kept.
   *
   * @param mostKept past as many, there is no looking further
   * @returns whether one has gone
   */
  #evictFrom(entries: Map<K, V>, mostKept = Number.POSITIVE_INFINITY): boolean {
    for (const [key, value] of entries) {
      entries.delete(key);
      if (!value.used) {
        this.#evict(value);
        return true;
      }
      value.used = false;
      this.#kept.set(key, value);
      if (this.#kept.size > mostKept) break;
    }
    return false;
  }
}
