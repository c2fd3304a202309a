/**
 * UDP segmentation offload: datagrams of one flow in one frame, all of the first
 * one's size but the last, which may be smaller. One header stands for all.
 */
import { MAX_FRAME_PIECES } from '../device.ts';

/** What Linux puts into one frame at most (UDP_MAX_SEGMENTS). */
export const MAX_DATAGRAMS_IN = 128;

/**
 * How many of the payloads from `first` on go in one frame; 1 where it goes by itself.
 *
 * @param mostEach the most that one datagram carries without being cut into fragments
 * @param mostBytes the most that one frame carries; 0 where none may hold several
 */
export function countJoinable(
  payloads: readonly Uint8Array[],
  first: number,
  mostEach: number,
  mostBytes: number,
): number {
  const size = payloads[first].length;
  if (size === 0 || size > mostEach) return 1;
  const end = Math.min(payloads.length, first + MAX_FRAME_PIECES);
  let bytes = size;
  for (let next = first + 1; next < end; next++) {
    const { length } = payloads[next];
    bytes += length;
    if (length === 0 || length > size || bytes > mostBytes) return next - first;
    // A smaller one is the last.
    if (length < size) return next + 1 - first;
  }
  return end - first;
}
