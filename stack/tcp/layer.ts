/**
 * TCP's front door: finds what a segment belongs to, and gives connections with
 * work their turn.
 *
 * A flow in the table is a connection, a request that waits for the
 * application, or a TIME-WAIT record. A segment for none of them is a new SYN
 * or is answered by RST (RFC 9293 3.10.7.1).
 */
import type { ErrorListener } from '../icmp/error-input.ts';
import type { DeliveryError, ErrorReporter } from '../ip/packet/error-reporter.ts';
import { Flow } from '../ip/packet/flow.ts';
import type { InboundPacket } from '../ip/packet/packet.ts';
import type { Path } from '../ip/path/path.ts';
import { finishChecksum, sumBytes } from '../wire/checksum.ts';
import { PROTOCOL_TCP } from '../wire/ipv4.ts';
import { ACK, FIN, RST, SYN } from '../wire/tcp.ts';
import { connect, ConnectError, DYNAMIC_PORTS, FIRST_DYNAMIC_PORT } from './application/connect.ts';
import type { TcpConnection } from './application/connection.ts';
import { abandonRequest, TcpRequest } from './application/request.ts';
import { abortTcb, tellEvents } from './close/lifecycle.ts';
import { expireTimeWaits, segmentInTimeWait } from './close/time-wait.ts';
import { icmpErrorArrives } from './input/icmp-error.ts';
import { segmentArrives } from './input/input.ts';
import { isAfter, isBefore } from './numbers/sequence.ts';
import { sendBareSegment, sendResetFor } from './output/bare-segment.ts';
import { output } from './output/output.ts';
import { reopenWindows } from './receive/waiting-windows.ts';
import { parseSegment, Segment } from './segment/segment.ts';
import type { TcpContext } from './state/context.ts';
import { PendingRequest } from './state/pending-request.ts';
import { Tcb } from './state/tcb.ts';
import { fireTimers } from './timers/timers.ts';

export class TcpLayer implements ErrorListener {
  onRequest: ((request: TcpRequest) => void) | null = null;
  readonly context: TcpContext;
  readonly #errors: ErrorReporter;
  readonly #segment = new Segment();
  #nextDynamicPort: number;

  constructor(context: TcpContext, errors: ErrorReporter) {
    this.context = context;
    this.#errors = errors;
    this.#nextDynamicPort = (context.flowSeed >>> 0) % DYNAMIC_PORTS;
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
      const pseudo = packet.pseudoHeaderSum(PROTOCOL_TCP, length);
      if (finishChecksum(sumBytes(buffer, offset, length, pseudo)) !== 0) {
        context.counters.tcpChecksumBad++;
        return;
      }
    }
    const entry = context.flows.findReceived(packet);
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
    if (context.waitingWindows.size > 0) reopenWindows(context);
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

  /** From a port of the caller's choice, or for 0 from a dynamic one that is free. */
  connect(path: Path, localPort: number, remotePort: number): TcpConnection {
    if (localPort !== 0) return connect(this.context, new Flow(path, localPort, remotePort));
    const { flows } = this.context;
    for (let tries = 0; tries < DYNAMIC_PORTS; tries++) {
      const flow = new Flow(path, FIRST_DYNAMIC_PORT + this.#nextDynamicPort, remotePort);
      this.#nextDynamicPort = (this.#nextDynamicPort + 1) % DYNAMIC_PORTS;
      if (flows.find(flow) === null) return connect(this.context, flow);
    }
    throw new ConnectError('CONNECT_NO_FREE_PORT', 'all dynamic ports have a connection there already');
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

  /** An ICMP error quotes a segment of ours. */
  errorArrives(quoted: InboundPacket, error: DeliveryError, mtu: number): boolean {
    const entry = this.context.flows.findSent(quoted);
    return entry instanceof Tcb && icmpErrorArrives(this.context, entry, quoted, error, mtu);
  }

  #segmentForNobody(packet: InboundPacket, followsSndNxt: number | null): void {
    const { context } = this;
    const segment = this.#segment;
    if ((segment.flags & (SYN | ACK | RST)) !== SYN) {
      context.counters.tcpNoFlow++;
      sendResetFor(context, packet.flow(), segment);
    } else if ((segment.flags & FIN) !== 0) {
      // No system opens a connection so; scanners do (RFC 9293 3.10.7.2 leaves it open).
      context.counters.tcpSynFin++;
    } else if (this.onRequest === null) {
      context.counters.tcpRefused++;
      sendResetFor(context, packet.flow(), segment);
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
    const flow = packet.flow();
    const request = new PendingRequest(
      flow,
      this.#segment,
      packet.quote(flow.path),
      followsSndNxt,
      expiresAt,
    );
    context.flows.set(flow, request);
    requests.add(request);
    counters.tcpRequests++;
    onRequest(new TcpRequest(context, request, this.#errors));
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
