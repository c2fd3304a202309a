/** A connection at one moment, for people: what `ss -ti` shows of the kernel's. */
import { stateName, type StateName } from '../state/state.ts';
import type { SoftError, Tcb } from '../state/tcb.ts';

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
  /** Bytes that may be on the way. */
  readonly congestionWindow: number;
  /** null before the first loss. */
  readonly slowStartThreshold: number | null;
  /** Reported as received past a gap; thought to be lost and not yet repeated. */
  readonly sackedBytes: number;
  readonly lostBytes: number;
  /** Segments sent again, since the connection was opened. */
  readonly retransmits: number;
  readonly loss: 'none' | 'recovery' | 'timeout';
  readonly options: { readonly timestamps: boolean; readonly sack: boolean; readonly windowScale: boolean };
  /** Received and not released; not even read. */
  readonly receiveHeldBytes: number;
  readonly receiveUnreadBytes: number;
  readonly receiveWindow: number;
  readonly receiveBuffer: number;
  /** null before the first measurement. */
  readonly srttMs: number | null;
  readonly rttvarMs: number;
  readonly minRttMs: number | null;
  readonly rtoMs: number;
  /** What was last noticed of segments in flight, with nothing acknowledged since. */
  readonly softError: SoftError | null;
}

const LOSS_NAMES = ['none', 'recovery', 'timeout'] as const;

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
    congestionWindow: Math.floor(tcb.congestion.windowBytes),
    slowStartThreshold:
      tcb.congestion.thresholdBytes === Infinity ? null : Math.floor(tcb.congestion.thresholdBytes),
    sackedBytes: tcb.scoreboard.sackedBytes,
    lostBytes: tcb.scoreboard.lostBytes,
    retransmits: tcb.retransmits,
    loss: LOSS_NAMES[tcb.lossState],
    options: { timestamps: tcb.timestamps, sack: tcb.sackPermitted, windowScale: tcb.scaling },
    receiveHeldBytes: tcb.receiveQueue.heldBytes,
    receiveUnreadBytes: tcb.receiveQueue.unreadBytes,
    receiveWindow: tcb.receiveWindow,
    receiveBuffer: tcb.receiveLimit,
    srttMs: tcb.rtt.srttMs < 0 ? null : tcb.rtt.srttMs,
    rttvarMs: tcb.rtt.rttvarMs,
    minRttMs: tcb.rtt.minRttMs === Infinity ? null : tcb.rtt.minRttMs,
    rtoMs: tcb.rtt.rtoMs,
    softError: tcb.currentSoftError,
  };
}
