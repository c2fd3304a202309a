/**
 * A connection that the guest asks for, and the application's answer to it.
 *
 * The answer may come at any later time. The guest's repeated SYNs are absorbed
 * meanwhile; a request it gives up, or that a limit evicts, is told by
 * `onAbandoned`.
 */
import type { ErrorReporter, UnreachableReason } from '../../ip/packet/error-reporter.ts';
import { ACK, RST } from '../../wire/tcp.ts';
import { sendBareSegment } from '../output/bare-segment.ts';
import type { TcpContext } from '../state/context.ts';
import type { PendingRequest } from '../state/pending-request.ts';
import { Tcb } from '../state/tcb.ts';
import { TcpConnection } from './connection.ts';

export class TcpRequest {
  readonly #context: TcpContext;
  readonly #request: PendingRequest;
  readonly #errors: ErrorReporter;

  constructor(context: TcpContext, request: PendingRequest, errors: ErrorReporter) {
    this.#context = context;
    this.#request = request;
    this.#errors = errors;
  }

  /** What the guest dialled. */
  get localAddress(): string {
    return this.#request.flow.localAddress;
  }

  get localPort(): number {
    return this.#request.flow.localPort;
  }

  /** The guest's own. */
  get remoteAddress(): string {
    return this.#request.flow.remoteAddress;
  }

  get remotePort(): number {
    return this.#request.flow.remotePort;
  }

  /** Neither answered nor abandoned. */
  get pending(): boolean {
    return this.#request.pending;
  }

  /** The guest has reset it, or dialled anew from the same port, or a limit has evicted it. */
  set onAbandoned(callback: (() => void) | null) {
    this.#request.abandoned = callback;
  }

  get onAbandoned(): (() => void) | null {
    return this.#request.abandoned;
  }

  /**
   * Takes the connection: the SYN-ACK goes out at the next poll, and data may be written at once.
   *
   * @throws Error when the request is no longer pending
   */
  accept(): TcpConnection {
    const context = this.#context;
    const request = this.#request;
    if (!request.pending) throw new Error('accept of a request that is no longer pending');
    request.pending = false;
    context.requests.remove(request);
    const tcb = new Tcb(
      request.flow,
      false,
      this.#initialSequence(),
      context.isn.timestampOffset(request.flow),
      context.pool,
      context.limits,
      context.clock.nowMs,
      context.trace,
    );
    tcb.synchronize(request.irs, request.options, request.window, context.clock.nowMs);
    context.flows.set(request.flow, tcb);
    context.connectionCount++;
    context.counters.tcpAccepted++;
    tcb.synWanted = true;
    context.wantOutput(tcb);
    return new TcpConnection(context, tcb);
  }

  /** RST: nobody listens there. No effect when no longer pending, as with the others below. */
  refuse(): void {
    if (!this.#remove()) return;
    this.#context.counters.tcpRefused++;
    const { flow, irs } = this.#request;
    sendBareSegment(this.#context, flow, 0, (irs + 1) | 0, RST | ACK, 0);
  }

  /** An ICMP error, which the guest's connect() reports as EHOSTUNREACH and the like. */
  unreachable(reason: UnreachableReason): void {
    if (!this.#remove()) return;
    this.#context.counters.tcpUnreachable++;
    this.#errors.unreachable(this.#request.quote, reason);
  }

  /** No answer; the guest's next SYN is a new request. */
  drop(): void {
    if (this.#remove()) this.#context.counters.tcpDropped++;
  }

  #remove(): boolean {
    if (!this.#request.pending) return false;
    removeRequest(this.#context, this.#request);
    return true;
  }

  #initialSequence(): number {
    const { flow, followsSndNxt } = this.#request;
    return this.#context.isn.following(flow, this.#context.clock.nowMs, followsSndNxt);
  }
}

function removeRequest(context: TcpContext, request: PendingRequest): void {
  request.pending = false;
  context.requests.remove(request);
  context.flows.remove(request.flow);
}

export function abandonRequest(context: TcpContext, request: PendingRequest): void {
  removeRequest(context, request);
  request.abandoned?.();
}
