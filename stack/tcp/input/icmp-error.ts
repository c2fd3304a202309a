/**
 * What an ICMP error does to a connection (RFC 5927, RFC 5461).
 *
 * It is believed where it quotes a segment that may be in flight, whose number
 * nobody off the path can know. Even so none ends a connection: each is a soft
 * error, which the application may look at (RFC 1122 4.2.3.9), above all when
 * the connection later ends by timeout. One that is too big lowers the size of
 * segments, and what is in flight goes again in the new one.
 */
import type { DeliveryError } from '../../ip/packet/error-reporter.ts';
import type { InboundPacket } from '../../ip/packet/packet.ts';
import { TCP_HEADER_BYTES, tcpSequence } from '../../wire/tcp.ts';
import { isBefore } from '../numbers/sequence.ts';
import type { TcpContext } from '../state/context.ts';
import type { Tcb } from '../state/tcb.ts';

/** @returns whether the quoted segment may be in flight */
export function icmpErrorArrives(
  context: TcpContext,
  tcb: Tcb,
  quoted: InboundPacket,
  error: DeliveryError,
  mtu: number,
): boolean {
  const sequence = tcpSequence(quoted.buffer, quoted.offset);
  if (isBefore(sequence, tcb.sndUna) || !isBefore(sequence, tcb.sndNxt)) return false;
  if (error === 'too-big') {
    if (tcb.flow.path.reportTooBig(quoted.sentBytes, mtu)) pathNarrowed(context, tcb);
  } else {
    tcb.softError = error;
    tcb.softErrorAt = context.clock.nowMs;
  }
  return true;
}

/**
 * RFC 9293 3.7.5, RFC 1191 6.4: what did not fit is repeated at once, and no congestion has been seen: the window
 * stays as it was, in segments.
 */
function pathNarrowed(context: TcpContext, tcb: Tcb): void {
  const mss = tcb.flow.path.room - TCP_HEADER_BYTES;
  context.counters.tcpPathMtuLowered++;
  if (mss >= tcb.mss) return;
  tcb.setMss(mss);
  if (tcb.sendQueue.sentBytes === 0) return;
  tcb.scoreboard.loseAll();
  context.wantOutput(tcb);
}
