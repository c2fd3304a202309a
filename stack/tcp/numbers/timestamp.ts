/**
 * Our clock as TSval shows it (RFC 7323 4.1).
 *
 * It ticks once a millisecond, which 5.4 allows and PAWS needs: a finer one would
 * pass its sign bit within the idle time of a connection. Each flow has an offset
 * of its own (isn.ts), so that the clock tells nobody how long the host has been
 * up (7.1), and successive connections of one flow still see it go forward
 * (RFC 6191 leans on that).
 */
export function timestampNow(nowMs: number, offset: number): number {
  return (Math.floor(nowMs % 2 ** 32) + offset) | 0;
}
