/** Takes the items out of a list of the API while it comes in, whatever form it has. */

/** How many items are handed on together at the most. */
export const BATCH_ITEMS = 16;

/** Items that have come, and may be read later. */
export interface Batch {
  readonly count: number;
  /** @throws SyntaxError */
  read(): unknown[];
}

export interface ListParser {
  /**
   * What is whole with that piece, some at a time: whoever takes it may let others have their turn.
   *
   * @throws SyntaxError
   */
  push(piece: Buffer): Iterable<Batch>;
  /** The list without its items, which is an empty array in it. @throws SyntaxError where it is none, or not whole */
  end(): unknown;
}
