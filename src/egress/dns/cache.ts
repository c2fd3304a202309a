/**
 * Answers that may be given again, until the least of their TTLs has passed.
 * What goes first when there are too many is what was put in first: a DNS cache
 * is about moments, and resolvers behind it have larger ones.
 */

import type { Lifetime, NamedAddress } from './message.ts';

/** Answers, and their bytes all together. */
const MAX_ANSWERS = 4096;
const MAX_BYTES = 8 << 20;
/** No answer is kept longer, whatever it says: an hour, and of those that say "no" five minutes (RFC 2308, 5). */
const MAX_LIFETIME_S = 3600;
const MAX_NEGATIVE_LIFETIME_S = 300;

/** What a named address is taken for, beside the answer's own bytes. */
const NAMED_BYTES = 128;

/** An answer, and what it says of names. */
export interface Answer {
  readonly message: Uint8Array;
  readonly named: readonly NamedAddress[];
}

interface Entry {
  readonly answer: Answer;
  readonly bytes: number;
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
  get(key: string): { answer: Answer; ageS: number } | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    const now = this.#now();
    if (now >= entry.expiresAt) {
      this.#delete(key, entry);
      return undefined;
    }
    return { answer: entry.answer, ageS: Math.floor((now - entry.storedAt) / 1000) };
  }

  put(key: string, answer: Answer, lifetime: Lifetime): void {
    const seconds = Math.min(lifetime.seconds, lifetime.negative ? MAX_NEGATIVE_LIFETIME_S : MAX_LIFETIME_S);
    const bytes = answer.message.length + answer.named.length * NAMED_BYTES;
    if (seconds <= 0 || bytes > MAX_BYTES) return;
    const before = this.#entries.get(key);
    if (before !== undefined) this.#delete(key, before);
    const now = this.#now();
    this.#entries.set(key, { answer, bytes, storedAt: now, expiresAt: now + seconds * 1000 });
    this.#bytes += bytes;
    for (const [oldest, entry] of this.#entries) {
      if (this.#entries.size <= MAX_ANSWERS && this.#bytes <= MAX_BYTES) return;
      this.#delete(oldest, entry);
    }
  }

  #delete(key: string, { bytes }: Entry): void {
    this.#entries.delete(key);
    this.#bytes -= bytes;
  }
}
