/**
 * TCP's front door: finds what a segment belongs to, and gives connections with
 * work their turn.
 *
 * A flow in the table is a connection, a request that waits for the
 * application, or a TIME-WAIT record. A segment for none of them is a new SYN
 * or is answered by RST (RFC 9293 3.10.7.1).
 */
import type { UnreachableSender } from '../icmp/unreachable.ts';
import { writeFlowKey } from '../ip/flow.ts';
import type { InboundPacket } from '../ip/packet.ts';
import { finishChecksum, pseudoHeaderSum, sumBytes } from '../wire/checksum.ts';
import { PROTOCOL_TCP } from '../wire/ipv4.ts';
import { ACK, destinationPort, FIN, RST, sourcePort, SYN } from '../wire/tcp.ts';
import { flowOf, sendBareSegment, sendResetFor } from './bare-segment.ts';
import type { TcpContext } from './context.ts';
import { segmentArrives } from './input.ts';
import { abortTcb, tellEvents } from './lifecycle.ts';
import { output } from './output.ts';
import { PendingRequest } from './pending-request.ts';
import { abandonRequest, TcpRequest } from './request.ts';
import { parseSegment, Segment } from './segment.ts';
import { isAfter, isBefore } from './sequence.ts';
import { Tcb } from './tcb.ts';
import { expireTimeWaits, segmentInTimeWait } from './time-wait.ts';
import { fireTimers } from './timers.ts';

export class TcpLayer {
  onRequest: ((request: TcpRequest) => void) | null = null;
  readonly context: TcpContext;
  readonly #unreachable: UnreachableSender;
  readonly #segment = new Segment();

  constructor(context: TcpContext, unreachable: UnreachableSender) {
    this.context = context;
    this.#unreachable = unreachable;
  }

  receive(packet: InboundPacket): void {
    const { context } = this;
    const { buffer, offset, length } = packet;
    const segment = this.#segment;
    context.counters.tcpIn++;
    if (!parseSegment(segment, buffer, offset, length)) {
      context.counters.tcpHeaderBad++;
      return;
    }
    if (!packet.checksumTrusted) {
      const pseudo = pseudoHeaderSum(packet.source, packet.destination, PROTOCOL_TCP, length);
      if (finishChecksum(sumBytes(buffer, offset, length, pseudo)) !== 0) {
        context.counters.tcpChecksumBad++;
        return;
      }
    }
    writeFlowKey(
      context.flows.key,
      packet.destination,
      packet.source,
      destinationPort(buffer, offset),
      sourcePort(buffer, offset),
    );
    const entry = context.flows.find();
    if (entry instanceof Tcb) {
      segmentArrives(context, entry, segment);
    } else if (entry === null) {
      this.#segmentForNobody(packet, null);
    } else if (entry instanceof PendingRequest) {
      this.#segmentForRequest(packet, entry);
    } else if (segmentInTimeWait(context, entry, segment)) {
      this.#segmentForNobody(packet, entry.sndNxt);
    }
  }

  fireTimers(nowMs: number): void {
    const { context } = this;
    fireTimers(context, nowMs);
    expireTimeWaits(context, nowMs);
    for (;;) {
      const { oldest } = context.requests;
      if (oldest === null || oldest.expiresAt > nowMs) return;
      context.counters.tcpRequestsExpired++;
      abandonRequest(context, oldest);
    }
  }

  tellEvents(): void {
    for (let tcb = this.context.takeEvent(); tcb !== null; tcb = this.context.takeEvent()) tellEvents(tcb);
  }

  /** Until nobody has anything to send, or the device is full. */
  sendOutput(): void {
    const { context } = this;
    while (!context.transmitter.full) {
      const tcb = context.takeOutput();
      if (tcb === null) return;
      if (!output(context, tcb)) context.wantOutput(tcb);
    }
  }

  get earliestTimerMs(): number {
    const { timers, timeWaits, requests } = this.context;
    return Math.min(timers.earliestMs, timeWaits.earliestMs, requests.earliestMs);
  }

  abortAll(): void {
    const { context } = this;
    for (const entry of Array.from(context.flows.values())) {
      if (entry instanceof Tcb) {
        abortTcb(context, entry, 'aborted');
      } else if (entry instanceof PendingRequest) {
        sendBareSegment(context, entry.flow, 0, (entry.irs + 1) | 0, RST | ACK, 0);
        abandonRequest(context, entry);
      }
    }
  }

  /** Whether a segment of ours with that number may be on its way (RFC 5927 4). */
  isSegmentInFlight(
    local: number,
    remote: number,
    localPort: number,
    remotePort: number,
    sequence: number,
  ): boolean {
    const { flows } = this.context;
    writeFlowKey(flows.key, local, remote, localPort, remotePort);
    const entry = flows.find();
    return entry instanceof Tcb && !isBefore(sequence, entry.sndUna) && isBefore(sequence, entry.sndNxt);
  }

  #segmentForNobody(packet: InboundPacket, followsSndNxt: number | null): void {
    const { context } = this;
    const segment = this.#segment;
    if ((segment.flags & (SYN | ACK | RST)) !== SYN) {
      context.counters.tcpNoFlow++;
      sendResetFor(context, flowOf(packet), segment);
    } else if ((segment.flags & FIN) !== 0) {
      // No system opens a connection so; scanners do (RFC 9293 3.10.7.2 leaves it open).
      context.counters.tcpSynFin++;
    } else if (this.onRequest === null) {
      context.counters.tcpRefused++;
      sendResetFor(context, flowOf(packet), segment);
    } else {
      this.#newRequest(packet, followsSndNxt, this.onRequest);
    }
  }

  #newRequest(
    packet: InboundPacket,
    followsSndNxt: number | null,
    onRequest: (request: TcpRequest) => void,
  ): void {
    const { context } = this;
    const { limits, counters, requests } = context;
    if (requests.size >= limits.maxRequests && requests.oldest !== null) {
      counters.tcpRequestsEvicted++;
      abandonRequest(context, requests.oldest);
    }
    if (context.connectionCount + requests.size >= limits.maxConnections) {
      counters.tcpConnectionLimit++;
      return;
    }
    const expiresAt = context.clock.nowMs + limits.requestTimeoutMs;
    const flow = flowOf(packet);
    const request = new PendingRequest(flow, this.#segment, packet.quote(), followsSndNxt, expiresAt);
    flow.writeKey(context.flows.key);
    context.flows.set(request);
    requests.add(request);
    counters.tcpRequests++;
    onRequest(new TcpRequest(context, request, this.#unreachable));
  }

  /** The guest is in SYN-SENT, or was. */
  #segmentForRequest(packet: InboundPacket, request: PendingRequest): void {
    const { context } = this;
    const { counters } = context;
    const segment = this.#segment;
    if ((segment.flags & RST) !== 0) {
      // From the SYN to all that its window let it send: nothing was offered, so that is the SYN's own.
      const behind = (request.irs + 1) | 0;
      if (isBefore(segment.sequence, request.irs) || isAfter(segment.sequence, behind)) {
        counters.tcpResetsImplausible++;
        return;
      }
      counters.tcpRequestsReset++;
      abandonRequest(context, request);
    } else if ((segment.flags & ACK) !== 0) {
      counters.tcpRequestSegmentsIgnored++;
      sendResetFor(context, request.flow, segment);
    } else if ((segment.flags & SYN) === 0) {
      counters.tcpRequestSegmentsIgnored++;
    } else if (segment.sequence === request.irs) {
      counters.tcpRequestsAbsorbed++;
    } else {
      // The guest has given the old one up and dials again from the same port.
      counters.tcpRequestsSuperseded++;
      abandonRequest(context, request);
      this.#segmentForNobody(packet, request.followsSndNxt);
    }
  }
}
