/**
 * Cuts the items out of a list of the API while it comes in.
 *
 *     {"kind":"ServiceList","metadata":{…},"items":[ {…},{…} | ,{…},{…} ]}
 *     └─ around ──────────────────────────────────┘  └ items, piece by piece ┘
 *
 * A list of thousands is many megabytes, and one `JSON.parse` of it takes a
 * tenth of a second in which no packet moves. Here each piece is looked through
 * for where items end (quotes, escapes and brackets: all of them ASCII, which
 * no byte of a longer UTF-8 sequence can be), and those that are whole are
 * parsed together. That keeps pace with any network, so that little is left to
 * be done when the last piece arrives, and the text is never there as a whole.
 *
 * What the grammar (RFC 8259) forbids is found by `JSON.parse`, in an item or
 * in what stands around them.
 */

import { type Batch, BATCH_ITEMS, type ListParser } from './list-parser.ts';

const [QUOTE, COMMA, BACKSLASH] = [0x22, 0x2c, 0x5c];
const [OPEN_BRACKET, CLOSE_BRACKET, OPEN_BRACE, CLOSE_BRACE] = [0x5b, 0x5d, 0x7b, 0x7d];

/** Depths: of the members of the whole, and of the items. */
const [MEMBERS, ITEMS] = [1, 2];
const ITEMS_KEY = 'items';

export class ItemSplitter implements ListParser {
  /** What stands around the items. */
  readonly #around: Buffer[] = [];
  /** The beginning of an item that is not yet whole. */
  #partial: Buffer[] = [];
  #depth = 0;
  #inItems = false;
  #inString = false;
  #escaped = false;
  /** The last text among the members of the whole, as far as it may be the key of the items. */
  #member = '';

  *push(piece: Buffer): Generator<Batch> {
    const { length } = piece;
    /** Up to where bytes have gone their way, and up to where items are whole. */
    let [gone, whole] = [0, 0];
    // In a variable of its own: this is done for every byte.
    let depth = this.#depth;
    let at = this.#inString ? this.#passString(piece, 0, depth) : 0;
    for (; at < length; at++) {
      const byte = piece[at];
      if (byte === QUOTE) {
        at = this.#passString(piece, at + 1, depth) - 1;
      } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
        depth++;
        if (depth !== ITEMS || byte === OPEN_BRACE || this.#member !== ITEMS_KEY) continue;
        this.#inItems = true;
        this.#around.push(piece.subarray(gone, at + 1));
        gone = at + 1;
        whole = gone;
      } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
        depth--;
        if (depth === ITEMS) whole = at + 1;
        if (depth !== MEMBERS || !this.#inItems) continue;
        this.#inItems = false;
        yield* this.#batches(piece.subarray(gone, at));
        gone = at;
      }
    }
    this.#depth = depth;
    if (!this.#inItems) {
      this.#around.push(piece.subarray(gone));
      return;
    }
    if (whole > gone) {
      yield* this.#batches(piece.subarray(gone, whole));
      gone = whole;
    }
    this.#partial.push(piece.subarray(gone));
  }

  /** @throws SyntaxError that quotes what is no JSON */
  end(): unknown {
    const text = Buffer.concat(this.#around).toString();
    try {
      return JSON.parse(text);
    } catch (cause) {
      throw new SyntaxError(text, { cause });
    }
  }

  /** @returns the place behind the closing quote, or the piece's end where it is not in this one */
  #passString(piece: Buffer, from: number, depth: number): number {
    const { length } = piece;
    if (depth === MEMBERS && !this.#inString) this.#member = '';
    let at = this.#escaped ? from + 1 : from;
    for (; at < length; at++) {
      const byte = piece[at];
      if (byte === QUOTE) break;
      if (byte === BACKSLASH) at++;
    }
    this.#inString = at >= length;
    this.#escaped = at > length;
    if (depth === MEMBERS && this.#member.length <= ITEMS_KEY.length)
      this.#member += piece.toString('latin1', from, Math.min(at, from + ITEMS_KEY.length + 1));
    return at + 1;
  }

  /** Items that are whole, with commas between and maybe in front. */
  *#batches(end: Buffer): Generator<Batch> {
    const bytes = this.#partial.length === 0 ? end : Buffer.concat([...this.#partial, end]);
    this.#partial = [];
    const text = bytes.toString('utf8', bytes[0] === COMMA ? 1 : 0).trim();
    if (text === '') return;
    const items: unknown[] = JSON.parse(`[${text}]`);
    for (let at = 0; at < items.length; at += BATCH_ITEMS) {
      const some = items.slice(at, at + BATCH_ITEMS);
      yield { count: some.length, read: () => some };
    }
  }
}
