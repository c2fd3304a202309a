/**
 * Milliseconds of a clock that nobody sets, from some moment of the past on
 * (clock_gettime(2), CLOCK_MONOTONIC). `performance.now()` costs the same to ask,
 * but is nine modules of Node's, loaded where it is first used.
 */
export function monotonicMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1_000 + nanoseconds / 1_000_000;
}
