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
 * Who has set which field (metadata.managedFields) is half of the text, and
 * nobody's business here: what is in such an array is left out before it is
 * parsed. Where a piece ends within the key it stays.
 *
 * What else the grammar (RFC 8259) forbids is found by `JSON.parse`, in an item
 * or in what stands around them.
 */

const [QUOTE, COMMA, BACKSLASH] = [0x22, 0x2c, 0x5c];
const [OPEN_BRACKET, CLOSE_BRACKET, OPEN_BRACE, CLOSE_BRACE] = [0x5b, 0x5d, 0x7b, 0x7d];

/** Depths: of the members of the whole, of the items, and of what the members of an item have. */
const [MEMBERS, ITEMS, WITHIN_MEMBERS] = [1, 2, 4];
const ITEMS_KEY = 'items';
/** With the quote that ends it. */
const LEFT_OUT_KEY = 'managedFields"';
const FIRST_LEFT_OUT = LEFT_OUT_KEY.codePointAt(0);

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
  /** The array that comes next is left out; and that is happening. */
  #leavesOut = false;
  #isOut = false;

  constructor(onItems: (items: unknown[]) => void) {
    this.#onItems = onItems;
  }

  /** @throws SyntaxError */
  push(piece: Buffer): void {
    const { length } = piece;
    /** Up to where bytes have gone their way, and up to where items are whole. */
    let [gone, whole] = [0, 0];
    // In a variable of its own: this is done for every byte.
    let depth = this.#depth;
    if (this.#isOut) gone = length;
    let at = this.#inString ? this.#passString(piece, 0, depth) : 0;
    for (; at < length; at++) {
      const byte = piece[at];
      if (byte === QUOTE) {
        if (depth === WITHIN_MEMBERS) this.#leavesOut = isLeftOut(piece, at + 1);
        at = this.#passString(piece, at + 1, depth) - 1;
      } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
        depth++;
        if (this.#leavesOut && depth === WITHIN_MEMBERS + 1 && this.#inItems) {
          this.#leavesOut = false;
          this.#isOut = byte === OPEN_BRACKET;
          if (!this.#isOut) continue;
          this.#partial.push(piece.subarray(gone, at + 1));
          gone = length;
        }
        if (depth !== ITEMS || byte === OPEN_BRACE || this.#member !== ITEMS_KEY) continue;
        this.#inItems = true;
        this.#around.push(piece.subarray(gone, at + 1));
        gone = at + 1;
        whole = gone;
      } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
        depth--;
        if (depth === WITHIN_MEMBERS && this.#isOut) {
          this.#isOut = false;
          gone = at;
        }
        if (depth === ITEMS) whole = at + 1;
        if (depth !== MEMBERS || !this.#inItems) continue;
        this.#inItems = false;
        this.#emit(piece.subarray(gone, at));
        gone = at;
      }
    }
    this.#depth = depth;
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
  #emit(end: Buffer): void {
    const bytes = this.#partial.length === 0 ? end : Buffer.concat([...this.#partial, end]);
    this.#partial = [];
    const text = bytes.toString('utf8', bytes[0] === COMMA ? 1 : 0).trim();
    if (text !== '') this.#onItems(JSON.parse(`[${text}]`));
  }
}

/** Whether the text that begins there is the key of what is left out. */
function isLeftOut(piece: Buffer, start: number): boolean {
  return (
    piece[start] === FIRST_LEFT_OUT &&
    piece.toString('latin1', start, start + LEFT_OUT_KEY.length) === LEFT_OUT_KEY
  );
}
