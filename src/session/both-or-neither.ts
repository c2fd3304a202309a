/** Something that holds processes, sockets or files until it is closed. */
interface Closable {
  close(): Promise<void>;
}

/**
 * Starts what can be given up beside what is under way, and waits for both.
 *
 * The first failure is the one that is thrown: one cause, told once. What was
 * started is gone by then. What was under way is not waited for, since a server
 * that does not answer takes its time; it is closed when it is there.
 */
export async function bothOrNeither<A extends Closable, B extends Closable>(
  underWay: Promise<A>,
  start: (abort: AbortSignal) => Promise<B>,
): Promise<[A, B]> {
  const giveUp = new AbortController();
  const started = start(giveUp.signal);
  try {
    return await Promise.all([underWay, started]);
  } catch (error) {
    giveUp.abort(error);
    closeWhenThere(underWay);
    await started.then(
      (unwanted) => unwanted.close(),
      () => {}, // it is this error, or was given up for it
    );
    throw error;
  }
}

function closeWhenThere(underWay: Promise<Closable>): void {
  underWay.then((unwanted) => unwanted.close()).catch(() => {});
}
