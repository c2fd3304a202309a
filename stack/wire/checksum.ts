/**
 * The Internet checksum (RFC 1071): the ones' complement sum of 16-bit words.
 *
 * A sum is carried unfolded from call to call, so that a pseudo-header, a
 * header and payload add up without a copy. Only the last span may have an odd
 * length, since it is padded with a zero byte.
 *
 * High and low bytes are added apart and joined once per call: two additions a
 * word and no shift, 16 words a turn. A span of 64 KiB adds up to less than
 * 2^31, so nothing leaves the range of integers.
 */
export function sumBytes(buffer: Uint8Array, offset: number, length: number, initial: number): number {
  let high = 0;
  let low = 0;
  let i = offset;
  const end = offset + length;
  const unrolledEnd = end - 31;
  while (i < unrolledEnd) {
    high +=
      buffer[i] +
      buffer[i + 2] +
      buffer[i + 4] +
      buffer[i + 6] +
      buffer[i + 8] +
      buffer[i + 10] +
      buffer[i + 12] +
      buffer[i + 14] +
      buffer[i + 16] +
      buffer[i + 18] +
      buffer[i + 20] +
      buffer[i + 22] +
      buffer[i + 24] +
      buffer[i + 26] +
      buffer[i + 28] +
      buffer[i + 30];
    low +=
      buffer[i + 1] +
      buffer[i + 3] +
      buffer[i + 5] +
      buffer[i + 7] +
      buffer[i + 9] +
      buffer[i + 11] +
      buffer[i + 13] +
      buffer[i + 15] +
      buffer[i + 17] +
      buffer[i + 19] +
      buffer[i + 21] +
      buffer[i + 23] +
      buffer[i + 25] +
      buffer[i + 27] +
      buffer[i + 29] +
      buffer[i + 31];
    i += 32;
  }
  const pairsEnd = end - 1;
  while (i < pairsEnd) {
    high += buffer[i];
    low += buffer[i + 1];
    i += 2;
  }
  if (i < end) high += buffer[i];
  return foldSum(initial) + foldSum(high * 256 + low);
}

/** The sum in 16 bits, not complemented: what a checksum field holds where the device is to finish it. */
export function foldSum(sum: number): number {
  let folded = (sum & 0xffff) + (sum >>> 16);
  folded = (folded & 0xffff) + (folded >>> 16);
  return (folded & 0xffff) + (folded >>> 16);
}

/** The field's value: the complement. Over data that holds a right checksum it is 0. */
export function finishChecksum(sum: number): number {
  return ~foldSum(sum) & 0xffff;
}

/** The sum of int32 words. */
export function sumWords(words: readonly number[]): number {
  let sum = 0;
  for (const word of words) sum += (word >>> 16) + (word & 0xffff);
  return sum;
}

/**
 * The pseudo-header of either IP version (RFC 9293 3.1, RFC 8200 8.1): its
 * fields differ in width and place, but not in what they add up to.
 *
 * @param addressSum of both addresses, added up in any way above
 */
export function pseudoHeaderSum(addressSum: number, protocol: number, length: number): number {
  return addressSum + protocol + (length >>> 16) + (length & 0xffff);
}
