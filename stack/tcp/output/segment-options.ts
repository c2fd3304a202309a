/**
 * The options of our segments after the handshake: timestamps on every one
 * (RFC 7323 3.2), and SACK blocks while there is something to report.
 *
 * They come off the payload (RFC 6691 2), so their size is settled before a
 * segment is cut.
 */
import { ALIGNED_TIMESTAMPS_BYTES, writeTimestampsOption } from '../../wire/tcp.ts';
import { timestampNow } from '../numbers/timestamp.ts';
import { MAX_SACK_BLOCKS } from '../segment/options.ts';
import type { TcpContext } from '../state/context.ts';
import type { Tcb } from '../state/tcb.ts';

/** @returns the bytes that the options of the next segment take */
export function prepareOptions(tcb: Tcb): number {
  const timestamps = tcb.timestamps ? ALIGNED_TIMESTAMPS_BYTES : 0;
  if (tcb.sackReport === null) return timestamps;
  return timestamps + tcb.sackReport.prepare(tcb.outOfOrder, MAX_SACK_BLOCKS - (tcb.timestamps ? 1 : 0));
}

/** Writes what was prepared. */
export function writeOptions(
  context: TcpContext,
  tcb: Tcb,
  buffer: Uint8Array,
  offset: number,
  length: number,
): void {
  let at = offset;
  if (tcb.timestamps) {
    const now = timestampNow(context.clock.nowMs, tcb.timestampOffset);
    writeTimestampsOption(buffer, at, now, tcb.tsRecent);
    at += ALIGNED_TIMESTAMPS_BYTES;
  }
  if (at < offset + length) tcb.sackReport?.write(buffer, at);
}
