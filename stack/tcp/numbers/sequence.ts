/**
 * Sequence numbers (RFC 9293 3.4): 32 bits, compared modulo 2^32.
 *
 * They are held as int32. Sums are wrapped by `| 0`, and a number is before
 * another when the wrapped difference is negative, which holds as long as both
 * lie within 2^31 of each other. Print them with `>>> 0`.
 */
export function isBefore(a: number, b: number): boolean {
  return ((a - b) | 0) < 0;
}

export function isAfter(a: number, b: number): boolean {
  return ((a - b) | 0) > 0;
}

/** How far `to` lies after `from`; negative where it lies before. */
export function distance(from: number, to: number): number {
  return (to - from) | 0;
}
