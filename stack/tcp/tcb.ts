/**
 * The transmission control block (RFC 9293 3.3.1): all that one connection
 * knows, as plain fields. The mechanisms work on it: input.ts, acknowledgment.ts
 * and text.ts on what comes, output.ts on what goes, timers.ts on time. The
 * application has a TcpConnection (connection.ts) in front of it.
 *
 * Sequence numbers are int32 (sequence.ts); the names are the RFC's, SND.UNA
 * being sndUna. SND.NXT never moves back here: what is sent again is gathered
 * from the head of the queue, so sndNxt is also the highest number ever sent.
 */
import type { Flow } from '../ip/flow.ts';
import type { StackLimits } from '../limits.ts';
import type { BlockPool } from '../storage/block-pool.ts';
import { RangeSet } from '../storage/range-set.ts';
import { ReceiveQueue } from '../storage/receive-queue.ts';
import { SendQueue } from '../storage/send-queue.ts';
import type { TimerEntry } from '../storage/timer-heap.ts';
import { NO_WINDOW_SCALE, type SynOptions, windowScaleFor } from './options.ts';
import { RttEstimator } from './rtt.ts';
import { mayFollow, type State, stateName, SYN_RECEIVED } from './state.ts';

/** Why a connection is over, as its application is told. */
export type CloseReason = 'finished' | 'reset' | 'timeout' | 'aborted';

/** What the application listens to; called from `Stack.poll` alone. */
export interface ConnectionEvents {
  onReadable: (() => void) | null;
  onWritable: (() => void) | null;
  onClosed: ((reason: CloseReason) => void) | null;
}

/** Events that wait to be told, as bits. */
export const EVENT_READABLE = 1;
export const EVENT_WRITABLE = 2;
export const EVENT_CLOSED = 4;

/** Called with each change of state; for traces and tests. */
export type StateTrace = (flow: Flow, from: State, to: State) => void;

export class Tcb implements TimerEntry {
  readonly flow: Flow;
  state: State = SYN_RECEIVED;
  /** Set right after construction; the application's face of this. */
  events: ConnectionEvents | null = null;

  // Send sequence space.
  readonly iss: number;
  sndUna: number;
  sndNxt: number;
  /** In bytes, scaled. */
  sndWnd: number;
  /** The sequence and acknowledgment number of the segment that last set sndWnd. */
  sndWl1: number;
  sndWl2: number;
  /** The largest the peer has offered, an estimate of its buffer (RFC 9293 3.8.6.2.1). */
  maxSndWnd: number;
  readonly sndScale: number;
  /** The largest payload of one segment on the wire: the peer's MSS, or what the link carries. */
  readonly mss: number;

  // Receive sequence space.
  readonly irs: number;
  rcvNxt: number;
  /** The right edge of the window offered; never moves left. */
  rcvAdv: number;
  readonly rcvScale: number;
  /** Both sides offer window scaling (RFC 7323 1.3). */
  readonly scaling: boolean;
  /** Whether the peer's FIN is in order, and so behind all data. */
  finReceived = false;
  /** A FIN ahead of a gap, and its sequence number. */
  finAhead = false;
  finAheadSequence = 0;

  // Data.
  readonly sendQueue = new SendQueue();
  readonly receiveQueue: ReceiveQueue;
  /** null until the first segment out of order: most connections never see one. */
  outOfOrder: RangeSet | null = null;
  readonly receiveLimit: number;

  // What the application wants.
  finWanted = false;
  finSent = false;
  /** sendRoom has been seen exhausted, so its return is an event. */
  roomExhausted = false;

  // Output that is due.
  synAckWanted = false;
  ackWanted = false;
  /** ACKs for segments out of order, one for each: the peer counts them (RFC 5681 4.2). */
  duplicateAcksOwed = 0;
  retransmitWanted = false;
  /** The persist timer has run out: send one byte past the window, or a segment smaller than is worth it. */
  probeWanted = false;
  /** Bytes received since the last ACK was sent. */
  unacknowledgedBytes = 0;
  /** Counts exchanges in which data answered data quickly; see delayed-ack.ts. */
  interactive = 0;
  lastDataAtMs = -Infinity;

  // Loss.
  readonly rtt: RttEstimator;
  duplicateAcks = 0;
  /** A loss is being repaired until the peer acknowledges this (RFC 6582). */
  recovering = false;
  recoverUntil = 0;

  // Time: absolute, Infinity where off.
  retransmitAt = Infinity;
  persistAt = Infinity;
  delayedAckAt = Infinity;
  /** When the peer last showed that things move on. */
  progressAt: number;
  challengeWindowAt = -Infinity;
  challengeAcks = 0;

  // Links of the structures it is in.
  timerAt = Infinity;
  timerIndex = -1;
  nextOutput: Tcb | null = null;
  inOutput = false;
  nextEvent: Tcb | null = null;
  inEvents = false;
  pendingEvents = 0;
  closeReason: CloseReason | null = null;
  closeTold = false;

  readonly #trace: StateTrace | null;

  constructor(
    flow: Flow,
    iss: number,
    irs: number,
    options: SynOptions,
    window: number,
    linkMss: number,
    pool: BlockPool,
    limits: StackLimits,
    nowMs: number,
    trace: StateTrace | null,
  ) {
    this.flow = flow;
    this.iss = iss;
    this.sndUna = iss;
    this.sndNxt = (iss + 1) | 0;
    // The window of a SYN is never scaled (RFC 7323 2.2).
    this.sndWnd = window;
    this.maxSndWnd = window;
    this.sndWl1 = irs;
    this.sndWl2 = iss;
    this.irs = irs;
    this.rcvNxt = (irs + 1) | 0;
    this.rcvAdv = this.rcvNxt;
    this.mss = Math.min(options.mss, linkMss);
    this.scaling = options.windowScale !== NO_WINDOW_SCALE;
    this.sndScale = this.scaling ? options.windowScale : 0;
    this.rcvScale = this.scaling ? windowScaleFor(limits.receiveBufferBytes) : 0;
    this.receiveLimit = this.scaling
      ? limits.receiveBufferBytes
      : Math.min(0xffff, limits.receiveBufferBytes);
    this.receiveQueue = new ReceiveQueue(pool);
    this.rtt = new RttEstimator(limits.minRtoMs, limits.maxRtoMs);
    this.progressAt = nowMs;
    this.#trace = trace;
  }

  /** The one way from state to state. */
  setState(next: State): void {
    if (!mayFollow(this.state, next)) {
      throw new Error(`TCP cannot go from ${stateName(this.state)} to ${stateName(next)}`);
    }
    const from = this.state;
    this.state = next;
    this.#trace?.(this.flow, from, next);
  }

  /** What the peer may still send, by what it was told. */
  get receiveWindow(): number {
    return Math.max(0, (this.rcvAdv - this.rcvNxt) | 0);
  }

  /** Sequence numbers in flight, SYN and FIN among them. */
  get inFlight(): number {
    return (this.sndNxt - this.sndUna) | 0;
  }
}
