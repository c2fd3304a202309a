/**
 * The items of a list answer.
 *
 * The API server has validated them against the very schema that the caller's
 * interface is an extract of; fields that it may omit are optional there.
 */
export function itemsOf<Item>(body: unknown): Item[] {
  const items = typeof body === 'object' && body !== null && 'items' in body ? body.items : undefined;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the schema is the server's, see above
  return Array.isArray(items) ? (items as Item[]) : [];
}
