/** What goes again: what the scoreboard has as lost, as far as the windows let it, and the tail probe. */
import { ACK, FIN, PSH } from '../../wire/tcp.ts';
import { noteRepeated } from '../loss/recovery.ts';
import { tailProbeSent } from '../loss/tail-probe.ts';
import { distance } from '../numbers/sequence.ts';
import type { TcpContext } from '../state/context.ts';
import type { Tcb } from '../state/tcb.ts';
import { sendFresh } from './new-data.ts';
import { prepareOptions } from './segment-options.ts';
import { frameLimit, segmentSize } from './segment-size.ts';
import { sendSegment, startRetransmitTimer, TURN_FRAMES } from './send-segment.ts';

/** Repeats what is lost, as far as the windows let it. @returns false where there is more to do */
export function repeatLost(context: TcpContext, tcb: Tcb): boolean {
  const { scoreboard } = tcb;
  for (let frames = 0; frames < TURN_FRAMES; frames++) {
    if (scoreboard.lostBytes === 0) return true;
    const optionBytes = prepareOptions(tcb);
    const index = scoreboard.firstLost();
    const offset = distance(tcb.sndUna, scoreboard.startOf(index));
    // Into a window that has closed, one byte goes as a probe (RFC 9293 3.8.6.1).
    const inWindow = Math.max(tcb.sndWnd - offset, offset === 0 ? 1 : 0);
    if (inWindow <= 0) return true;
    const run = scoreboard.lostRun(index, Math.min(frameLimit(tcb, optionBytes), inWindow));
    const allowed = byCongestionWindow(tcb, run, optionBytes);
    if (allowed === 0) return true;
    if (!repeat(context, tcb, index, offset, allowed, optionBytes)) return false;
  }
  return scoreboard.lostBytes === 0;
}

/** All, or whole segments; one segment at least when nothing is on the way. */
function byCongestionWindow(tcb: Tcb, wanted: number, optionBytes: number): number {
  const { pipeBytes } = tcb;
  const room = tcb.congestion.room(pipeBytes);
  if (room >= wanted) return wanted;
  tcb.congestion.limitedAt(tcb.sndNxt);
  const size = segmentSize(tcb, optionBytes);
  if (room < size) return pipeBytes === 0 ? Math.min(wanted, size) : 0;
  return room - (room % size);
}

/** Sends again `length` sequence numbers of a lost run. @returns false when the device is full */
function repeat(
  context: TcpContext,
  tcb: Tcb,
  index: number,
  offset: number,
  length: number,
  optionBytes: number,
): boolean {
  const { sendQueue, scoreboard } = tcb;
  const start = scoreboard.startOf(index);
  const bytes = Math.min(length, sendQueue.sentBytes - offset);
  const gathered = sendQueue.gatherSent(context.transmitter.frame, offset, bytes);
  // The one number past the bytes is the FIN's.
  const withFin = gathered === bytes && length > bytes;
  const flags = (gathered > 0 ? ACK | PSH : ACK) | (withFin ? FIN : 0);
  if (!sendSegment(context, tcb, start, flags, gathered, optionBytes)) return false;
  const sent = gathered + (withFin ? 1 : 0);
  scoreboard.retransmitted(index, sent, context.clock.nowMs);
  tcb.congestion.onSent(sent);
  noteRepeated(context, tcb, sent);
  if (offset === 0 || tcb.retransmitAt === Infinity) startRetransmitTimer(context, tcb);
  return true;
}

/** RFC 8985 7.3: a segment of new data if there is one, else the last again, whatever the congestion window says. */
export function sendTailProbe(context: TcpContext, tcb: Tcb): boolean {
  const { sendQueue, scoreboard } = tcb;
  if (tcb.inFlight === 0 || tcb.recovering) {
    tcb.tailProbeWanted = false;
    return true;
  }
  const optionBytes = prepareOptions(tcb);
  const size = segmentSize(tcb, optionBytes);
  const usable = (tcb.sndUna + tcb.sndWnd - tcb.sndNxt) | 0;
  const fresh = Math.min(size, usable, sendQueue.bytes - sendQueue.sentBytes);
  if (fresh > 0 && !tcb.finSent) {
    if (!sendFresh(context, tcb, fresh, optionBytes)) return false;
    tailProbeSent(tcb, false);
    return true;
  }
  const index = scoreboard.loseTail(size);
  const start = scoreboard.startOf(index);
  const length = Math.min(size, distance(start, tcb.sndNxt));
  if (!repeat(context, tcb, index, distance(tcb.sndUna, start), length, optionBytes)) return false;
  tailProbeSent(tcb, true);
  return true;
}
