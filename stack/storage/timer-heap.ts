/**
 * Deadlines of many entries, the earliest first: a binary heap whose entries
 * know their place in it.
 *
 * TCP moves its deadlines at each packet, nearly always later. So an entry is
 * moved only when its deadline becomes earlier; one that has become later is
 * found out when its old time comes and is put back. A packet then costs the
 * heap nothing, at the price of one needless wake-up per deadline.
 */
export interface TimerEntry {
  /** Where the heap has put it; Infinity when it is not in the heap. Written by the heap alone. */
  timerAt: number;
  /** Written by the heap alone; -1 when it is not in the heap. */
  timerIndex: number;
}

export class TimerHeap<T extends TimerEntry> {
  readonly #entries: T[] = [];

  get size(): number {
    return this.#entries.length;
  }

  /** When the first entry is due, or Infinity. */
  get earliestMs(): number {
    return this.#entries.length === 0 ? Infinity : this.#entries[0].timerAt;
  }

  /** Makes sure that the entry is popped at `atMs` or before. */
  wake(entry: T, atMs: number): void {
    if (atMs >= entry.timerAt) return;
    entry.timerAt = atMs;
    if (entry.timerIndex < 0) {
      entry.timerIndex = this.#entries.length;
      this.#entries.push(entry);
    }
    this.#up(entry);
  }

  /** Takes out the first entry if its time has come. */
  popDue(nowMs: number): T | null {
    if (this.#entries.length === 0 || this.#entries[0].timerAt > nowMs) return null;
    const first = this.#entries[0];
    this.remove(first);
    return first;
  }

  remove(entry: T): void {
    const index = entry.timerIndex;
    if (index < 0) return;
    entry.timerIndex = -1;
    entry.timerAt = Infinity;
    const last = this.#entries.pop();
    if (last === undefined || last === entry) return;
    this.#entries[index] = last;
    last.timerIndex = index;
    this.#up(last);
    this.#down(last);
  }

  #up(entry: T): void {
    let index = entry.timerIndex;
    while (index > 0) {
      const parentIndex = (index - 1) >>> 1;
      const parent = this.#entries[parentIndex];
      if (parent.timerAt <= entry.timerAt) break;
      this.#entries[index] = parent;
      parent.timerIndex = index;
      index = parentIndex;
    }
    this.#entries[index] = entry;
    entry.timerIndex = index;
  }

  #down(entry: T): void {
    let index = entry.timerIndex;
    const length = this.#entries.length;
    for (;;) {
      let childIndex = index * 2 + 1;
      if (childIndex >= length) break;
      const right = childIndex + 1;
      if (right < length && this.#entries[right].timerAt < this.#entries[childIndex].timerAt) {
        childIndex = right;
      }
      const child = this.#entries[childIndex];
      if (child.timerAt >= entry.timerAt) break;
      this.#entries[index] = child;
      child.timerIndex = index;
      index = childIndex;
    }
    this.#entries[index] = entry;
    entry.timerIndex = index;
  }
}
