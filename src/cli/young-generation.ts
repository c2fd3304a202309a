/**
 * Keeps V8's young generation at the size that it starts with, 1 MiB.
 *
 * No packet moves while it is collected. Most of what a list of Services brings
 * survives, and is copied then: of 1 MiB in a moment, of the usual 16 in up to ten
 * milliseconds. Other work costs the same with either.
 *
 * As an option of Node's it would be known from the first moment. But V8 takes
 * compiled code under the very flags alone that it was compiled under, and Node's
 * own modules come compiled: to load some of them took three times as long. So
 * it is done when they are there, and undone while our own code is written down.
 */

import { setFlagsFromString } from 'node:v8';

const [SAME_SIZE, USUAL_GROWTH] = ['--semi-space-growth-factor=1', '--semi-space-growth-factor=2'];

export function keepYoungGenerationSmall(): void {
  setFlagsFromString(SAME_SIZE);
}

/** Does something under the flags that Node starts with, while it is kept small. */
export function underUsualFlags(work: () => void): void {
  setFlagsFromString(USUAL_GROWTH);
  try {
    work();
  } finally {
    setFlagsFromString(SAME_SIZE);
  }
}
