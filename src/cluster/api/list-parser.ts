/** How many items are handed on together at the most. */
export const BATCH_ITEMS = 16;

/** Takes the items out of a list of the API while it comes in, whatever form it has. */
export interface ListParser {
  /**
   * The items that are whole with that piece, some at a time: whoever takes them may let others have their turn.
   *
   * @throws SyntaxError
   */
  push(piece: Buffer): Iterable<unknown[]>;
  /** The list without its items, which is an empty array in it. @throws SyntaxError where it is none, or not whole */
  end(): unknown;
}
