/**
 * How large a receive buffer grows.
 *
 * A window must hold what the path does in a round trip. When the application
 * has taken half a buffer within one, the buffer may be what holds the peer
 * back, and it doubles, up to `receiveBufferBytes`. The memory of all connections
 * together comes first: none grows while less than a quarter of it is free.
 *
 * A buffer is a promise and not memory: blocks are taken as bytes arrive. It
 * does not become smaller, since a window once offered stands (RFC 9293
 * SHLD-14); under pressure the edge just stops (window.ts).
 */
import type { TcpContext } from '../state/context.ts';
import type { Tcb } from '../state/tcb.ts';

/** Below this a round trip is the event loop's, not the path's. */
const MIN_ROUND_MS = 0.05;

/** The application has given `bytes` back. */
export function tuneReceiveBuffer(context: TcpContext, tcb: Tcb, bytes: number): void {
  const { limits, pool, clock } = context;
  if (tcb.receiveLimit >= limits.receiveBufferBytes || !tcb.scaling) return;
  tcb.tuningReleasedBytes += bytes;
  const elapsedMs = clock.nowMs - tcb.tuningSinceMs;
  if (2 * tcb.tuningReleasedBytes >= tcb.receiveLimit) {
    // As much in less than a round trip is as good a sign.
    if (pool.roomBytes >= pool.capacityBytes / 4) {
      tcb.receiveLimit = Math.min(limits.receiveBufferBytes, 2 * tcb.receiveLimit);
    }
  } else if (elapsedMs < Math.max(MIN_ROUND_MS, tcb.rtt.srttMs)) {
    return;
  }
  tcb.tuningSinceMs = clock.nowMs;
  tcb.tuningReleasedBytes = 0;
}
