/**
 * Windows that are closed because other connections hold the memory.
 *
 * A connection's own release of bytes opens its window again. Where it has
 * nothing to release, nothing of its own would ever tell its peer that there is
 * room; the peer would find out by its probes, seconds or a minute late. So it
 * waits here, and is served as blocks come back, the one that waits for longest
 * first. What one is offered the next is not, in the same turn: else all would be
 * invited to the same few blocks.
 */
import type { TcpContext } from '../state/context.ts';
import { ackNow } from './delayed-ack.ts';
import { isShortOfMemory, possibleAdvance, updateWorthwhile } from './window.ts';

export function reopenWindows(context: TcpContext): void {
  const { waitingWindows, pool, counters } = context;
  let left = pool.roomBytes;
  for (const tcb of waitingWindows) {
    // What fits its own blocks takes nothing from the others.
    const taking = Math.max(0, possibleAdvance(tcb) - tcb.receiveQueue.ownRoomBytes);
    const worthwhile = updateWorthwhile(tcb);
    if (!tcb.finReceived && isShortOfMemory(tcb) && (!worthwhile || taking > left)) return;
    // Open again, or its own reader's to open, or never to be used again.
    waitingWindows.delete(tcb);
    if (!worthwhile) continue;
    left -= taking;
    counters.tcpWindowUpdates++;
    ackNow(context, tcb);
  }
}
