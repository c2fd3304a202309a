/**
 * The window we offer (RFC 9293 3.8.6.2.2): how the right edge moves, and when
 * its moving is worth a segment of its own.
 *
 * Bytes count against the window until the application releases them. The edge
 * never moves left. It moves right only by a worthwhile step, so that a slow
 * reader does not lure the peer into sending tiny segments.
 */
import { distance } from '../numbers/sequence.ts';
import type { TcpContext } from '../state/context.ts';
import { CLOSED, TIME_WAIT } from '../state/state.ts';
import type { Tcb } from '../state/tcb.ts';

const MAX_WINDOW_FIELD = 0xffff;

/** RCV.BUFF: as large as it has become, or what the memory of all connections leaves of that. */
function bufferBytes(tcb: Tcb): number {
  const { heldBytes, roomBytes } = tcb.receiveQueue;
  return Math.min(tcb.receiveLimit, heldBytes + roomBytes);
}

/** Whether it is the memory of all connections, not its own buffer, that limits a window. */
export function isShortOfMemory(tcb: Tcb): boolean {
  return bufferBytes(tcb) < tcb.receiveLimit;
}

/** How far the edge could move right now; under memory pressure it stays, and what was promised may have to be dropped. */
export function possibleAdvance(tcb: Tcb): number {
  const offered = bufferBytes(tcb) - tcb.receiveQueue.heldBytes;
  return Math.max(0, distance(tcb.rcvAdv, (tcb.rcvNxt + offered) | 0));
}

/** The least step that is worth a move of the edge (RFC 9293 3.8.6.2.2). */
function leastStep(tcb: Tcb): number {
  return Math.max(1, Math.min(bufferBytes(tcb) >>> 1, tcb.linkMss));
}

/** Moves the edge if it is worth it. @returns the window in bytes */
function moveEdge(context: TcpContext, tcb: Tcb): number {
  const advance = possibleAdvance(tcb);
  if (advance >= leastStep(tcb)) tcb.rcvAdv = (tcb.rcvAdv + advance) | 0;
  const window = tcb.receiveWindow;
  if (window < tcb.linkMss && !tcb.finReceived && isShortOfMemory(tcb)) {
    context.waitingWindows.add(tcb);
  }
  return window;
}

/** The window field of the next segment. */
export function windowField(context: TcpContext, tcb: Tcb): number {
  // Scaling rounds down: the peer may see up to 2^scale - 1 bytes less than we would take (RFC 7323 2.3).
  return Math.min(MAX_WINDOW_FIELD, moveEdge(context, tcb) >>> tcb.rcvScale);
}

/** The window field of a SYN, which is never scaled (RFC 7323 2.2). */
export function synWindowField(tcb: Tcb): number {
  const window = Math.min(MAX_WINDOW_FIELD, tcb.receiveLimit);
  tcb.rcvAdv = (tcb.rcvNxt + window) | 0;
  return window;
}

/**
 * After a release: whether the peer should hear of the new room at once.
 *
 * Data that keeps coming is acknowledged anyway, and the window with it. An
 * update of its own matters to a peer that has stopped, and an eighth of the
 * buffer is early enough for it to start again before the rest is drained.
 * A window that the memory of all keeps closed is waiting-windows.ts's.
 */
export function updateWorthwhile(tcb: Tcb): boolean {
  if (tcb.finReceived || tcb.state === CLOSED || tcb.state === TIME_WAIT) return false;
  const buffer = bufferBytes(tcb);
  const step = Math.min(buffer >>> 1, Math.max(2 * tcb.linkMss, buffer >>> 3));
  return possibleAdvance(tcb) >= Math.max(step, leastStep(tcb));
}
