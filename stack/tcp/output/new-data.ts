/**
 * What was never sent, and the FIN behind it, as far as the windows let them.
 *
 * There is no Nagle delay (RFC 9293 3.7.4 lets an application turn it off, and a
 * relay must): the sender's silly window avoidance of 3.8.6.2.1 remains. Where a
 * window lets nothing go and nothing is in flight, the persist timer sees to it
 * that the peer is asked (3.8.6.1).
 */
import { ACK, FIN, PSH } from '../../wire/tcp.ts';
import { scheduleTailProbe } from '../loss/tail-probe.ts';
import type { TcpContext } from '../state/context.ts';
import { CLOSE_WAIT, FIN_WAIT_1, LAST_ACK } from '../state/state.ts';
import type { Tcb } from '../state/tcb.ts';
import { prepareOptions } from './segment-options.ts';
import { frameLimit, segmentSize } from './segment-size.ts';
import { sendSegment, startRetransmitTimer, TURN_FRAMES } from './send-segment.ts';

export function sendNew(context: TcpContext, tcb: Tcb): boolean {
  const { sendQueue, congestion } = tcb;
  if (sendQueue.bytes === sendQueue.sentBytes && !tcb.finWanted) {
    tcb.persistAt = Infinity;
    return true;
  }
  if (tcb.inFlight === 0 && context.clock.nowMs - tcb.lastSentAtMs > tcb.rtt.rtoMs) congestion.afterIdle();
  for (let frames = 0; frames < TURN_FRAMES; frames++) {
    const unsent = sendQueue.bytes - sendQueue.sentBytes;
    const finNext = tcb.finWanted && unsent === 0;
    if (unsent === 0 && !finNext) {
      tcb.persistAt = Infinity;
      scheduleTailProbe(context, tcb);
      return true;
    }
    const optionBytes = prepareOptions(tcb);
    const length = worthSending(context, tcb, unsent, optionBytes);
    // A FIN takes no buffer, so it goes whatever the windows say.
    if (length === 0 && !finNext) {
      waitForWindow(context, tcb);
      scheduleTailProbe(context, tcb);
      return true;
    }
    if (!sendFresh(context, tcb, length, optionBytes)) return false;
    if (tcb.finSent) {
      scheduleTailProbe(context, tcb);
      return true;
    }
  }
  scheduleTailProbe(context, tcb);
  return false;
}

/** Sends `length` bytes never sent, or as many as one frame gathers. @returns false when the device is full */
export function sendFresh(context: TcpContext, tcb: Tcb, length: number, optionBytes: number): boolean {
  const { sendQueue } = tcb;
  const { nowMs } = context.clock;
  const unsent = sendQueue.bytes - sendQueue.sentBytes;
  const gathered = sendQueue.gatherUnsent(context.transmitter.frame, length);
  const last = gathered === unsent;
  const withFin = last && tcb.finWanted;
  const flags = (last && gathered > 0 ? ACK | PSH : ACK) | (withFin ? FIN : 0);
  if (!sendSegment(context, tcb, tcb.sndNxt, flags, gathered, optionBytes)) return false;
  tcb.probeWanted = false;
  tcb.persistAt = Infinity;
  sendQueue.advance(gathered);
  const sent = gathered + (withFin ? 1 : 0);
  tcb.sndNxt = (tcb.sndNxt + sent) | 0;
  tcb.scoreboard.sent(tcb.sndNxt, nowMs);
  tcb.congestion.onSent(sent);
  tcb.lastSentAtMs = nowMs;
  if (tcb.retransmitAt === Infinity) {
    tcb.progressed(nowMs);
    startRetransmitTimer(context, tcb);
  }
  if (withFin) {
    tcb.finSent = true;
    tcb.setState(tcb.state === CLOSE_WAIT ? LAST_ACK : FIN_WAIT_1);
  }
  return true;
}

/** How much of the unsent bytes to send now: 0 where waiting is better (RFC 9293 3.8.6.2.1). */
function worthSending(context: TcpContext, tcb: Tcb, unsent: number, optionBytes: number): number {
  const offered = (tcb.sndUna + tcb.sndWnd - tcb.sndNxt) | 0;
  const room = tcb.congestion.room(tcb.pipeBytes);
  if (room < offered && room < unsent) tcb.congestion.limitedAt((tcb.sndNxt + room) | 0);
  const usable = Math.min(offered, room);
  const length = Math.min(unsent, usable, frameLimit(tcb, optionBytes));
  // All there is, or whole segments.
  if (length === unsent) return length;
  const size = segmentSize(tcb, optionBytes);
  if (length >= size) return length - (length % size);
  return tcb.probeWanted ? Math.max(1, length) : 0;
}

/** What is in flight will bring an ACK, and the window with it. If nothing is, a timer must. */
function waitForWindow(context: TcpContext, tcb: Tcb): void {
  if (tcb.inFlight > 0 || tcb.persistAt !== Infinity) return;
  tcb.progressed(context.clock.nowMs);
  tcb.persistAt = context.clock.nowMs + tcb.rtt.rtoMs;
  context.armTimers(tcb);
}
