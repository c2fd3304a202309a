/** How much one segment carries on the wire, and one frame that the device cuts into segments. */
import { DEFAULT_MSS } from '../segment/options.ts';
import type { Tcb } from '../state/tcb.ts';

/** What the smallest packet of RFC 791, 68 bytes, has room for. */
const MIN_SEGMENT_PAYLOAD = 28;

/**
 * The payload of one segment on the wire: the MSS less the options, but no more
 * than half the peer's buffer. A segment that fills all of a small buffer leaves
 * its owner nothing to offer until the last byte is read, and both sides waiting.
 */
export function segmentSize(tcb: Tcb, optionBytes: number): number {
  return Math.min(tcb.mss - optionBytes, halfWindow(tcb));
}

function halfWindow(tcb: Tcb): number {
  // Of a buffer below the MSS that every system takes, halves would be crumbs.
  const half = tcb.maxSndWnd > DEFAULT_MSS ? tcb.maxSndWnd >>> 1 : tcb.maxSndWnd;
  return Math.max(MIN_SEGMENT_PAYLOAD, half);
}

/** The largest payload of a frame: whole segments, or a single one. */
export function frameLimit(tcb: Tcb, optionBytes: number): number {
  const size = segmentSize(tcb, optionBytes);
  const most = Math.min(tcb.maxPayload - optionBytes, halfWindow(tcb));
  return most < 2 * size ? size : most - (most % size);
}
