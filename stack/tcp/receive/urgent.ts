/**
 * The urgent pointer (RFC 9293 3.8.5): where urgent data ends.
 *
 * The bytes stay in the stream, as RFC 6093 would have them. The application is
 * told when urgent data is announced (MUST-32), and can ask how much of it is
 * still to be read (MUST-33). Nothing is ever sent as urgent: no application
 * here has a use for it (SHLD-13 advises against).
 */
import { distance, isAfter } from '../numbers/sequence.ts';
import type { Segment } from '../segment/segment.ts';
import type { TcpContext } from '../state/context.ts';
import { EVENT_URGENT, type Tcb } from '../state/tcb.ts';

export function urgentArrives(context: TcpContext, tcb: Tcb, segment: Segment): void {
  if (tcb.finReceived) return;
  const end = (segment.sequence + segment.urgentPointer) | 0;
  if (tcb.urgent ? !isAfter(end, tcb.urgentEnd) : !isAfter(end, readUntil(tcb))) return;
  context.counters.tcpUrgentIn++;
  tcb.urgent = true;
  tcb.urgentEnd = end;
  context.wantEvent(tcb, EVENT_URGENT);
}

/** Urgent bytes that are still to be read, those that have not arrived among them. */
export function urgentBytes(tcb: Tcb): number {
  if (!tcb.urgent) return 0;
  const left = distance(readUntil(tcb), tcb.urgentEnd);
  if (left <= 0) tcb.urgent = false;
  return Math.max(0, left);
}

function readUntil(tcb: Tcb): number {
  return (tcb.rcvNxt - tcb.receiveQueue.unreadBytes - (tcb.finReceived ? 1 : 0)) | 0;
}
