/**
 * Answers that may be given again, until the least of their TTLs has passed.
 * What goes first when there are too many is what was put in first: a DNS cache
 * is about moments, and resolvers behind it have larger ones.
 */

/** Answers, and their bytes all together. */
const MAX_ANSWERS = 4096;
const MAX_BYTES = 8 << 20;
/** No answer is kept longer, whatever it says: an hour, and of those that say "no" five minutes (RFC 2308, 5). */
const MAX_LIFETIME_S = 3600;
const MAX_NEGATIVE_LIFETIME_S = 300;

interface Entry {
  readonly answer: Uint8Array;
  readonly storedAt: number;
  readonly expiresAt: number;
}

export class AnswerCache {
  readonly #now: () => number;
  readonly #entries = new Map<string, Entry>();
  #bytes = 0;

  /** @param now milliseconds of a monotonic clock */
  constructor(now: () => number) {
    this.#now = now;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** With its age in whole seconds. */
  get(key: string): { answer: Uint8Array; ageS: number } | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    const now = this.#now();
    if (now >= entry.expiresAt) {
      this.#delete(key, entry);
      return undefined;
    }
    return { answer: entry.answer, ageS: Math.floor((now - entry.storedAt) / 1000) };
  }

  put(key: string, answer: Uint8Array, lifetimeS: number, negative: boolean): void {
    const seconds = Math.min(lifetimeS, negative ? MAX_NEGATIVE_LIFETIME_S : MAX_LIFETIME_S);
    if (seconds <= 0 || answer.length > MAX_BYTES) return;
    const before = this.#entries.get(key);
    if (before !== undefined) this.#delete(key, before);
    const now = this.#now();
    this.#entries.set(key, { answer, storedAt: now, expiresAt: now + seconds * 1000 });
    this.#bytes += answer.length;
    for (const [oldest, entry] of this.#entries) {
      if (this.#entries.size <= MAX_ANSWERS && this.#bytes <= MAX_BYTES) return;
      this.#delete(oldest, entry);
    }
  }

  clear(): void {
    this.#entries.clear();
    this.#bytes = 0;
  }

  #delete(key: string, { answer }: Entry): void {
    this.#entries.delete(key);
    this.#bytes -= answer.length;
  }
}
