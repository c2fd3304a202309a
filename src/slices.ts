/**
 * Work that would hold packets up is cut into slices. What nobody waits for rests between two: the processors are
 * others' then, such as those who send and receive the packets. Whatever there is of it takes turns, so that no two
 * slices come between the same packets.
 */

/** How long one slice may take. */
export const SLICE_MS = 1;
/** Between two slices of work that nobody waits for. */
const REST_MS = 3;

const waiting: (() => void)[] = [];
let timer: NodeJS.Timeout | undefined;

/** @param work one slice of what nobody waits for; called once, when its turn has come */
export function unhurried(work: () => void): void {
  waiting.push(work);
  timer ??= setTimeout(nextSlice, REST_MS);
}

function nextSlice(): void {
  const work = waiting.shift();
  try {
    work?.();
  } finally {
    // Not before: a long slice would leave no rest. Of a promise that is resolved now, the slice is what follows.
    timer = waiting.length > 0 ? setTimeout(nextSlice, SLICE_MS + REST_MS) : undefined;
  }
}
