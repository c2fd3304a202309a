/** Something that holds processes, sockets or files until it is closed. */
interface Closable {
  close(): Promise<void>;
}

/**
 * Waits for both. Where one fails, the other is closed as soon as it is there,
 * and the error (both of them, where both failed) is thrown after that.
 */
export async function bothOrNeither<A extends Closable, B extends Closable>(
  a: Promise<A>,
  b: Promise<B>,
): Promise<[A, B]> {
  const [first, second] = await Promise.allSettled([a, b]);
  if (first.status === 'fulfilled' && second.status === 'fulfilled') return [first.value, second.value];
  const errors: unknown[] = [];
  for (const outcome of [first, second]) {
    if (outcome.status === 'fulfilled') await outcome.value.close();
    else errors.push(outcome.reason);
  }
  throw errors.length === 1 ? errors[0] : new AggregateError(errors);
}
