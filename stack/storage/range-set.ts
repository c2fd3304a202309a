/**
 * Which parts of a sequence space have arrived ahead of a gap: sorted, disjoint
 * ranges that do not touch, a bounded number of them.
 *
 * Numbers are compared modulo 2^32, so this serves TCP sequence numbers and
 * plain offsets alike, as long as all of them lie within 2^31 of each other.
 * Two flat arrays rather than objects: inserting allocates nothing.
 */
export class RangeSet {
  readonly #starts: Int32Array;
  readonly #ends: Int32Array;
  #count = 0;

  constructor(maxRanges: number) {
    this.#starts = new Int32Array(maxRanges);
    this.#ends = new Int32Array(maxRanges);
  }

  get count(): number {
    return this.#count;
  }

  start(index: number): number {
    return this.#starts[index];
  }

  end(index: number): number {
    return this.#ends[index];
  }

  /** Whether all of [start, end) is here. */
  contains(start: number, end: number): boolean {
    for (let i = 0; i < this.#count; i++) {
      if (((start - this.#starts[i]) | 0) >= 0 && ((this.#ends[i] - end) | 0) >= 0) return true;
    }
    return false;
  }

  /** The index of the range that holds `position`, or -1. */
  indexOf(position: number): number {
    for (let i = 0; i < this.#count; i++) {
      if (((position - this.#starts[i]) | 0) >= 0 && ((position - this.#ends[i]) | 0) < 0) return i;
    }
    return -1;
  }

  /** Whether any of [start, end) is here. */
  overlaps(start: number, end: number): boolean {
    for (let i = 0; i < this.#count; i++) {
      if (((start - this.#ends[i]) | 0) < 0 && ((this.#starts[i] - end) | 0) < 0) return true;
    }
    return false;
  }

  /** Whether `insert` of the same would succeed. */
  hasRoomFor(start: number, end: number): boolean {
    return this.#count < this.#starts.length || this.#touches(start, end);
  }

  /** @returns false when that would need one range more than there is room for. */
  insert(start: number, end: number): boolean {
    // [first, last) are the ranges that overlap or touch the new one.
    let first = 0;
    while (first < this.#count && ((this.#ends[first] - start) | 0) < 0) first++;
    let last = first;
    while (last < this.#count && ((this.#starts[last] - end) | 0) <= 0) last++;
    if (last === first) {
      if (this.#count === this.#starts.length) return false;
      this.#starts.copyWithin(first + 1, first, this.#count);
      this.#ends.copyWithin(first + 1, first, this.#count);
      this.#starts[first] = start;
      this.#ends[first] = end;
      this.#count++;
      return true;
    }
    if (((start - this.#starts[first]) | 0) < 0) this.#starts[first] = start;
    const lastEnd = this.#ends[last - 1];
    this.#ends[first] = ((end - lastEnd) | 0) > 0 ? end : lastEnd;
    this.#remove(first + 1, last);
    return true;
  }

  /**
   * All up to `next` has arrived in order: drops what lies before.
   *
   * @returns where the bytes in order now end: `next`, or the end of the range it reaches into
   */
  advance(next: number): number {
    let reached = next;
    let gone = 0;
    while (gone < this.#count && ((this.#starts[gone] - reached) | 0) <= 0) {
      if (((this.#ends[gone] - reached) | 0) > 0) reached = this.#ends[gone];
      gone++;
    }
    if (gone > 0) this.#remove(0, gone);
    return reached;
  }

  #touches(start: number, end: number): boolean {
    for (let i = 0; i < this.#count; i++) {
      if (((start - this.#ends[i]) | 0) <= 0 && ((this.#starts[i] - end) | 0) <= 0) return true;
    }
    return false;
  }

  #remove(from: number, to: number): void {
    this.#starts.copyWithin(from, to, this.#count);
    this.#ends.copyWithin(from, to, this.#count);
    this.#count -= to - from;
  }
}
