/**
 * What has been made of a text, kept for the next time: each connection asks the
 * same of its address, and most go to few. When as many as may be are kept, all
 * are dropped, so that a scan of a whole network costs what it did before and
 * leaves nothing behind.
 */

/** Of addresses, a hundred bytes each. */
const MOST = 1024;

/** @param compute has the same result whenever it is asked for the same */
export function remembered<Result>(compute: (text: string) => Result): (text: string) => Result {
  const results = new Map<string, { readonly result: Result }>();
  return (text) => {
    const known = results.get(text);
    if (known !== undefined) return known.result;
    const result = compute(text);
    if (results.size >= MOST) results.clear();
    results.set(text, { result });
    return result;
  };
}
