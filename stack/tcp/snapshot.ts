/** A connection at one moment, for people: what `ss -ti` shows of the kernel's. */
import { stateName, type StateName } from './state.ts';
import type { Tcb } from './tcb.ts';

export interface ConnectionSnapshot {
  readonly state: StateName;
  readonly localAddress: string;
  readonly localPort: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly mss: number;
  /** Written and not acknowledged; sent and not acknowledged. */
  readonly sendQueuedBytes: number;
  readonly inFlightBytes: number;
  readonly sendWindow: number;
  /** Received and not released; not even read. */
  readonly receiveHeldBytes: number;
  readonly receiveUnreadBytes: number;
  readonly receiveWindow: number;
  /** null before the first measurement. */
  readonly srttMs: number | null;
  readonly rtoMs: number;
}

export function snapshotOf(tcb: Tcb): ConnectionSnapshot {
  return {
    state: stateName(tcb.state),
    localAddress: tcb.flow.localAddress,
    localPort: tcb.flow.localPort,
    remoteAddress: tcb.flow.remoteAddress,
    remotePort: tcb.flow.remotePort,
    mss: tcb.mss,
    sendQueuedBytes: tcb.sendQueue.bytes,
    inFlightBytes: tcb.sendQueue.sentBytes,
    sendWindow: tcb.sndWnd,
    receiveHeldBytes: tcb.receiveQueue.heldBytes,
    receiveUnreadBytes: tcb.receiveQueue.unreadBytes,
    receiveWindow: tcb.receiveWindow,
    srttMs: tcb.rtt.srttMs < 0 ? null : tcb.rtt.srttMs,
    rtoMs: tcb.rtt.rtoMs,
  };
}
