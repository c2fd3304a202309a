/**
 * Entries of one kind in the order of their coming, oldest first.
 *
 * Where all entries live equally long, the oldest is the next to expire and the
 * first to go when there is no more room: one intrusive list gives both, with
 * nothing to allocate and nothing to sort.
 */
export interface AgeEntry<T> {
  /** Written by the list alone. */
  older: T | null;
  younger: T | null;
  expiresAt: number;
}

export class AgeList<T extends AgeEntry<T>> {
  #oldest: T | null = null;
  #youngest: T | null = null;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get oldest(): T | null {
    return this.#oldest;
  }

  /** When the oldest expires, or Infinity. */
  get earliestMs(): number {
    return this.#oldest === null ? Infinity : this.#oldest.expiresAt;
  }

  add(entry: T): void {
    entry.older = this.#youngest;
    entry.younger = null;
    if (this.#youngest === null) this.#oldest = entry;
    else this.#youngest.younger = entry;
    this.#youngest = entry;
    this.#size++;
  }

  /** The entry is in this list. */
  remove(entry: T): void {
    if (entry.older === null) this.#oldest = entry.younger;
    else entry.older.younger = entry.younger;
    if (entry.younger === null) this.#youngest = entry.older;
    else entry.younger.older = entry.older;
    entry.older = null;
    entry.younger = null;
    this.#size--;
  }
}
