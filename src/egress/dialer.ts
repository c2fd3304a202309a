/**
 * Ways out of the sandbox: what carries a flow on once policy has let it pass.
 *
 * The direct dialer uses sockets of the host; others go through a proxy. A
 * program that embeds this one may bring its own: a dialer with `stream` alone
 * is whole, and what it does not have is answered as prohibited.
 *
 * A dialer judges nothing. Whether a flow may go there has been decided before.
 */

import type { UnreachableReason } from '../../stack/index.ts';
import type { RemoteStream, RemoteStreamEvents } from '../relay/stream.ts';

/** The name of the dialer that is always there. */
export const DIRECT = 'direct';

export interface EgressDestination {
  /** IPv4 or IPv6 in the spelling of RFC 5952, and never an IPv4 address mapped into IPv6. */
  readonly address: string;
  readonly port: number;
  /** What the sandbox looked up to get the address; a proxy may resolve it once more, in its own network. */
  readonly name?: string;
}

export interface Dialer {
  /** By which rules name it. */
  readonly name: string;
  /** As `Dial` of the relay: reports by `events`, the first of them not before this has returned. */
  stream(destination: EgressDestination, events: RemoteStreamEvents): RemoteStream;
  /** A port of ours for one source port of the sandbox. */
  openPort?(): DatagramPort;
  echo?(request: EchoProbe): void;
  /** Ends what is kept between flows; the flows themselves are ended by whoever has them. */
  close?(): void;
}

/** One source port of the sandbox, as the outside sees it: the same for all it talks to (RFC 4787, REQ-1). */
export interface DatagramPort {
  flow(destination: EgressDestination, events: DatagramFlowEvents): DatagramFlow;
  /** Ends all its flows, without a word. */
  close(): void;
}

export interface DatagramFlow {
  /** The payload is taken, or dropped, before this returns. */
  send(payload: Uint8Array): void;
  close(): void;
}

export interface DatagramFlowEvents {
  /**
   * Datagrams from the destination, valid until the call returns. @param port where they come from, which may be
   * another one of the same host's
   */
  onDatagrams(payloads: readonly Uint8Array[], port: number): void;
  /** What was sent lately did not arrive; the flow goes on. */
  onUnreachable(reason: UnreachableReason): void;
  /** What was sent is larger than the way to there takes: `mtu` bytes, with all headers. */
  onTooBig(mtu: number): void;
}

/** One ping, to be answered by at most one of the calls. */
export interface EchoProbe {
  readonly address: string;
  readonly data: Uint8Array;
  reply(): void;
  unreachable(reason: UnreachableReason): void;
}
