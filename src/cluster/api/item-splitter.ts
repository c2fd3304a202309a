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

const [QUOTE, COMMA, BACKSLASH] = [0x22, 0x2c, 0x5c];
const [OPEN_BRACKET, CLOSE_BRACKET, OPEN_BRACE, CLOSE_BRACE] = [0x5b, 0x5d, 0x7b, 0x7d];

/** Depths: of the members of the whole, and of the items. */
const [MEMBERS, ITEMS] = [1, 2];
const ITEMS_KEY = 'items';

export class ItemSplitter {
  readonly #onItems: (items: unknown[]) => void;
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

  constructor(onItems: (items: unknown[]) => void) {
    this.#onItems = onItems;
  }

  /** @throws SyntaxError */
  push(piece: Buffer): void {
    /** Up to where bytes have gone their way, and up to where items are whole. */
    let [gone, whole] = [0, 0];
    for (let at = 0; at < piece.length; at++) {
      if (this.#inString) {
        at = this.#passString(piece, at);
        continue;
      }
      switch (piece[at]) {
        case QUOTE:
          this.#inString = true;
          if (this.#depth === MEMBERS) this.#member = '';
          break;
        case OPEN_BRACE:
        case OPEN_BRACKET:
          this.#depth++;
          if (this.#depth !== ITEMS || this.#member !== ITEMS_KEY || piece[at] === OPEN_BRACE) break;
          this.#inItems = true;
          this.#around.push(piece.subarray(gone, at + 1));
          [gone, whole] = [at + 1, at + 1];
          break;
        case CLOSE_BRACE:
        case CLOSE_BRACKET:
          this.#depth--;
          if (!this.#inItems) break;
          if (this.#depth === ITEMS) whole = at + 1;
          if (this.#depth !== MEMBERS) break;
          this.#inItems = false;
          this.#emit(piece.subarray(gone, at));
          gone = at;
          break;
        default:
      }
    }
    if (!this.#inItems) {
      this.#around.push(piece.subarray(gone));
      return;
    }
    if (whole > gone) {
      this.#emit(piece.subarray(gone, whole));
      gone = whole;
    }
    this.#partial.push(piece.subarray(gone));
  }

  /** All but the items, which are an empty array in it. */
  get around(): string {
    return Buffer.concat(this.#around).toString();
  }

  /** @returns the last place looked at: the closing quote, or the piece's end */
  #passString(piece: Buffer, from: number): number {
    let at = from;
    if (this.#escaped) {
      this.#escaped = false;
      at++;
    }
    while (at < piece.length && piece[at] !== QUOTE) at += piece[at] === BACKSLASH ? 2 : 1;
    this.#escaped = at > piece.length;
    if (this.#depth === MEMBERS && this.#member.length <= ITEMS_KEY.length)
      this.#member += piece.toString('latin1', from, Math.min(at, from + ITEMS_KEY.length + 1));
    if (at < piece.length) this.#inString = false;
    return at;
  }

  /** Items that are whole, with commas between and maybe in front. */
  #emit(end: Buffer): void {
    const bytes = this.#partial.length === 0 ? end : Buffer.concat([...this.#partial, end]);
    this.#partial = [];
    const text = bytes.toString('utf8', bytes[0] === COMMA ? 1 : 0).trim();
    if (text !== '') this.#onItems(JSON.parse(`[${text}]`));
  }
}
