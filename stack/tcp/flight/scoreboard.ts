/**
 * What is in flight, transmission by transmission: when each was sent, and what
 * has been heard of it.
 *
 * Records are in sequence order and without gaps: one ends where the next
 * starts, the first starts at SND.UNA. A record is what one frame carried, many
 * segments with offload; it is split where the peer has or lacks a part of it.
 *
 *     in flight ──▶ SACKED                       (the peer has it: RFC 2018)
 *         │  ▲
 *         ▼  │ sent again: RETRANSMITTED, with a new time
 *        LOST                                    (RFC 8985 6.2, 6.3; RFC 6675 4)
 *
 * The pipe, what is thought to be on the way, is all that is neither SACKED nor
 * LOST (RFC 6675 4 counts the same).
 *
 * Structures of arrays in a ring that grows to `maxRecords`: nothing is
 * allocated per packet. Past the limit new transmissions join the last record,
 * and what would need a split is taken as not SACKed, which costs at most a
 * needless repetition.
 */
import { distance, isAfter, isBefore } from '../numbers/sequence.ts';
import type { Delivery } from './delivery.ts';

const FIRST_CAPACITY = 8;

const SACKED = 1;
const LOST = 2;
const RETRANSMITTED = 4;

export class Scoreboard {
  readonly #maxRecords: number;
  #ends = new Int32Array(FIRST_CAPACITY);
  #sentAtMs = new Float64Array(FIRST_CAPACITY);
  #flags = new Uint8Array(FIRST_CAPACITY);
  #mask = FIRST_CAPACITY - 1;
  #head = 0;
  #count = 0;
  #una: number;
  #sackedBytes = 0;
  #sackedRecords = 0;
  #lostBytes = 0;
  /** Records in flight or SACKed that were sent more than once. */
  #retransmittedRecords = 0;

  constructor(firstSequence: number, maxRecords: number) {
    this.#una = firstSequence;
    this.#maxRecords = maxRecords;
  }

  get records(): number {
    return this.#count;
  }

  get sackedBytes(): number {
    return this.#sackedBytes;
  }

  get sackedRecords(): number {
    return this.#sackedRecords;
  }

  get lostBytes(): number {
    return this.#lostBytes;
  }

  /** All is in flight for the first time, as far as is known. */
  get undisturbed(): boolean {
    return this.#sackedRecords === 0 && this.#lostBytes === 0 && this.#retransmittedRecords === 0;
  }

  get bytes(): number {
    return this.#count === 0 ? 0 : distance(this.#una, this.#ends[this.#slot(this.#count - 1)]);
  }

  get pipeBytes(): number {
    return this.bytes - this.#sackedBytes - this.#lostBytes;
  }

  /** Sent for the first time: all from the end of the last record to `end`. */
  sent(end: number, nowMs: number): void {
    if (this.#count > this.#mask && !this.#grow()) {
      const last = this.#slot(this.#count - 1);
      this.#account(this.#count - 1, -1);
      this.#ends[last] = end;
      this.#sentAtMs[last] = nowMs;
      this.#flags[last] = 0;
      return;
    }
    const slot = this.#slot(this.#count);
    this.#ends[slot] = end;
    this.#sentAtMs[slot] = nowMs;
    this.#flags[slot] = 0;
    this.#count++;
  }

  /** The peer has all before `una`. */
  acknowledge(una: number, delivery: Delivery): void {
    while (this.#count > 0) {
      const slot = this.#head;
      const end = this.#ends[slot];
      const whole = !isAfter(end, una);
      if (!whole && !isBefore(this.#una, una)) break;
      const reached = whole ? end : una;
      const length = distance(this.#una, reached);
      const flags = this.#flags[slot];
      this.#account(0, -1);
      if ((flags & SACKED) === 0) {
        delivery.add(reached, length, this.#sentAtMs[slot], (flags & RETRANSMITTED) !== 0);
      }
      this.#una = reached;
      if (!whole) {
        this.#account(0, 1);
        break;
      }
      this.#head = (this.#head + 1) & this.#mask;
      this.#count--;
    }
    this.#una = una;
  }

  /** The peer has [start, end), which lies within what was sent. */
  sack(start: number, end: number, delivery: Delivery): void {
    for (let i = this.#indexAfter(start); i < this.#count; i++) {
      const recordStart = this.#start(i);
      if (!isBefore(recordStart, end)) return;
      if ((this.#flags[this.#slot(i)] & SACKED) !== 0) continue;
      if (isBefore(recordStart, start)) {
        // What lies before `start` stays as it is; the rest is the next one.
        if (!this.#split(i, start)) continue;
        i++;
      }
      if (isAfter(this.#ends[this.#slot(i)], end) && !this.#split(i, end)) continue;
      const slot = this.#slot(i);
      this.#account(i, -1);
      const flags = this.#flags[slot];
      this.#flags[slot] = (flags & ~LOST) | SACKED;
      this.#account(i, 1);
      const retransmitted = (flags & RETRANSMITTED) !== 0;
      delivery.add(this.#ends[slot], this.#length(i), this.#sentAtMs[slot], retransmitted);
    }
  }

  /**
   * RACK (RFC 8985 6.2 step 5): what was sent `windowMs` or longer before the
   * latest sent that has arrived is lost.
   *
   * @param newestSentAtMs when that one was sent, and where it ends
   * @param ageMs how old a transmission is when its time is up
   * @returns how long until the next one's time is up, or 0
   */
  detectLost(newestSentAtMs: number, newestEnd: number, ageMs: number, nowMs: number): number {
    let waitMs = 0;
    for (let i = 0; i < this.#count; i++) {
      const slot = this.#slot(i);
      if ((this.#flags[slot] & (SACKED | LOST)) !== 0) continue;
      const sentAtMs = this.#sentAtMs[slot];
      if (sentAtMs > newestSentAtMs) continue;
      if (sentAtMs === newestSentAtMs && !isBefore(this.#ends[slot], newestEnd)) continue;
      const remainingMs = sentAtMs + ageMs - nowMs;
      if (remainingMs <= 0) this.#lose(i);
      else if (remainingMs > waitMs) waitMs = remainingMs;
    }
    return waitMs;
  }

  /** All that the peer has not said it has. */
  loseAll(): void {
    for (let i = 0; i < this.#count; i++) {
      if ((this.#flags[this.#slot(i)] & (SACKED | LOST)) === 0) this.#lose(i);
    }
  }

  /** The first record, where there is no SACK to say more (RFC 6582). */
  loseFirst(): void {
    if (this.#count > 0 && (this.#flags[this.#head] & (SACKED | LOST)) === 0) this.#lose(0);
  }

  /** What was taken for lost is on the way after all. */
  takeBackLost(): void {
    for (let i = 0; i < this.#count && this.#lostBytes > 0; i++) {
      this.#account(i, -1);
      this.#flags[this.#slot(i)] &= ~LOST;
      this.#account(i, 1);
    }
  }

  /** All that ends after `edge`: what a window did not cover has been dropped. */
  loseBeyond(edge: number): void {
    for (let i = this.#indexAfter(edge); i < this.#count; i++) {
      if ((this.#flags[this.#slot(i)] & (SACKED | LOST)) === 0) this.#lose(i);
    }
  }

  /**
   * The peer has dropped what it once reported, as it may (RFC 2018 8): its
   * first byte is missing although it was SACKed.
   *
   * @returns whether that was so; all SACKs are forgotten then
   */
  forgetReneged(): boolean {
    if (this.#count === 0 || (this.#flags[this.#head] & SACKED) === 0) return false;
    for (let i = 0; i < this.#count; i++) {
      this.#account(i, -1);
      this.#flags[this.#slot(i)] &= ~SACKED;
      this.#account(i, 1);
    }
    return true;
  }

  /** The index of the first lost record; there is one while lostBytes > 0. */
  firstLost(): number {
    let i = 0;
    while ((this.#flags[this.#slot(i)] & LOST) === 0) i++;
    return i;
  }

  startOf(index: number): number {
    return this.#start(index);
  }

  /** How much is lost in one piece from that record on, up to `most`. */
  lostRun(index: number, most: number): number {
    let length = 0;
    for (let i = index; i < this.#count && length < most; i++) {
      if ((this.#flags[this.#slot(i)] & LOST) === 0) break;
      length += this.#length(i);
    }
    return Math.min(length, most);
  }

  /** `length` bytes of a lost run have been sent again, as one transmission. */
  retransmitted(index: number, length: number, nowMs: number): void {
    const end = (this.#start(index) + length) | 0;
    let last = index;
    while (isBefore(this.#ends[this.#slot(last)], end)) last++;
    if (this.#ends[this.#slot(last)] !== end) this.#split(last, end);
    for (let i = index; i <= last; i++) this.#account(i, -1);
    // Where there was no room for a split, the rest of the record counts as sent as well: a timer finds out.
    const reached = this.#ends[this.#slot(last)];
    const removed = last - index;
    if (removed > 0) {
      for (let i = last + 1; i < this.#count; i++) this.#copy(i, i - removed);
      this.#count -= removed;
    }
    const slot = this.#slot(index);
    this.#ends[slot] = reached;
    this.#flags[slot] = RETRANSMITTED;
    this.#sentAtMs[slot] = nowMs;
    this.#account(index, 1);
  }

  /** Cuts the last `length` bytes off as lost, so that they can be sent again as a probe. @returns their index */
  loseTail(length: number): number {
    let index = this.#count - 1;
    const end = this.#ends[this.#slot(index)];
    if (length < this.#length(index) && this.#split(index, (end - length) | 0)) index++;
    if ((this.#flags[this.#slot(index)] & (SACKED | LOST)) === 0) this.#lose(index);
    return index;
  }

  #slot(index: number): number {
    return (this.#head + index) & this.#mask;
  }

  #start(index: number): number {
    return index === 0 ? this.#una : this.#ends[this.#slot(index - 1)];
  }

  #length(index: number): number {
    return distance(this.#start(index), this.#ends[this.#slot(index)]);
  }

  /** The first record that ends after `sequence`; records are sorted, so by halves. */
  #indexAfter(sequence: number): number {
    let low = 0;
    let high = this.#count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (isAfter(this.#ends[this.#slot(middle)], sequence)) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  #lose(index: number): void {
    this.#account(index, -1);
    this.#flags[this.#slot(index)] |= LOST;
    this.#account(index, 1);
  }

  /** Adds a record to the sums, or takes it out of them. */
  #account(index: number, sign: number): void {
    const flags = this.#flags[this.#slot(index)];
    if (flags === 0) return;
    const length = this.#length(index);
    if ((flags & SACKED) !== 0) {
      this.#sackedBytes += sign * length;
      this.#sackedRecords += sign;
    }
    if ((flags & LOST) !== 0) this.#lostBytes += sign * length;
    if ((flags & RETRANSMITTED) !== 0) this.#retransmittedRecords += sign;
  }

  /** @returns false where there is no room for one record more */
  #split(index: number, at: number): boolean {
    if (this.#count > this.#mask && !this.#grow()) return false;
    this.#account(index, -1);
    this.#count++;
    for (let i = this.#count - 1; i > index; i--) this.#copy(i - 1, i);
    this.#ends[this.#slot(index)] = at;
    this.#account(index, 1);
    this.#account(index + 1, 1);
    return true;
  }

  #copy(from: number, to: number): void {
    const source = this.#slot(from);
    const target = this.#slot(to);
    this.#ends[target] = this.#ends[source];
    this.#sentAtMs[target] = this.#sentAtMs[source];
    this.#flags[target] = this.#flags[source];
  }

  #grow(): boolean {
    const old = this.#mask + 1;
    if (old >= this.#maxRecords) return false;
    const ends = new Int32Array(old * 2);
    const sentAtMs = new Float64Array(old * 2);
    const flags = new Uint8Array(old * 2);
    for (let i = 0; i < this.#count; i++) {
      const slot = this.#slot(i);
      ends[i] = this.#ends[slot];
      sentAtMs[i] = this.#sentAtMs[slot];
      flags[i] = this.#flags[slot];
    }
    this.#ends = ends;
    this.#sentAtMs = sentAtMs;
    this.#flags = flags;
    this.#mask = old * 2 - 1;
    this.#head = 0;
    return true;
  }
}
