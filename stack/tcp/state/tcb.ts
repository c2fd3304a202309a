/**
 * The transmission control block (RFC 9293 3.3.1): all that one connection
 * knows, as plain fields. The mechanisms work on it, a folder each: input/ on
 * what comes, output/ on what goes, timers/ on time. The application has a
 * TcpConnection (application/connection.ts) in front of it.
 *
 * Sequence numbers are int32 (numbers/sequence.ts); the names are the RFC's, SND.UNA
 * being sndUna. SND.NXT never moves back here: what is sent again is found by
 * the scoreboard, so sndNxt is also the highest number ever sent.
 */
import type { DeliveryError } from '../../ip/packet/error-reporter.ts';
import type { Flow } from '../../ip/packet/flow.ts';
import type { StackLimits } from '../../limits.ts';
import type { BlockPool } from '../../storage/block-pool.ts';
import { RangeSet } from '../../storage/range-set.ts';
import { ReceiveQueue } from '../../storage/receive-queue.ts';
import { SendQueue } from '../../storage/send-queue.ts';
import type { TimerEntry } from '../../storage/timer-heap.ts';
import { ALIGNED_TIMESTAMPS_BYTES, TCP_HEADER_BYTES } from '../../wire/tcp.ts';
import { CongestionWindow } from '../congestion/window.ts';
import { Rack } from '../flight/rack.ts';
import { RttEstimator } from '../flight/rtt.ts';
import { Scoreboard } from '../flight/scoreboard.ts';
import {
  DEFAULT_MSS,
  DEFAULT_MSS_IPV6,
  NO_MSS,
  NO_WINDOW_SCALE,
  type SynOptions,
  windowScaleFor,
} from '../segment/options.ts';
import type { SackReport } from '../segment/sack-report.ts';
import { mayFollow, type State, stateName, SYN_RECEIVED, SYN_SENT } from './state.ts';

/** Why a connection is over, as its application is told. */
export type CloseReason = 'finished' | 'reset' | 'refused' | 'timeout' | 'aborted';

/** What is wrong with segments in flight, as far as is known; no end, since the way may recover. */
export type SoftError = DeliveryError | 'unanswered';

/** What the application listens to; called from `Stack.poll` alone. */
export interface ConnectionEvents {
  onEstablished: (() => void) | null;
  onReadable: (() => void) | null;
  onUrgent: (() => void) | null;
  onAcknowledged: (() => void) | null;
  onWritable: (() => void) | null;
  onClosed: ((reason: CloseReason) => void) | null;
}

/** Events that wait to be told, as bits. */
export const EVENT_READABLE = 1;
export const EVENT_WRITABLE = 2;
export const EVENT_CLOSED = 4;
export const EVENT_ESTABLISHED = 8;
export const EVENT_URGENT = 16;
export const EVENT_ACKNOWLEDGED = 32;

/** What is being done about loss. */
export const LOSS_NONE = 0;
/** Repairing what later arrivals have shown to be lost (RFC 6675, 8985). */
export const LOSS_RECOVERY = 1;
/** The retransmission timer has run out: all that is not SACKed counts as lost (RFC 6298 5.4). */
export const LOSS_TIMEOUT = 2;

export type LossState = typeof LOSS_NONE | typeof LOSS_RECOVERY | typeof LOSS_TIMEOUT;

/** Called with each change of state; for traces and tests. */
export type StateTrace = (flow: Flow, from: State, to: State) => void;

export class Tcb implements TimerEntry {
  readonly flow: Flow;
  state: State;
  /** Opened by us (RFC 9293 3.10.1, active OPEN). */
  readonly active: boolean;
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
  sndScale: number;
  /** The largest payload of one segment on the wire without options: the peer's MSS, or what the path carries. */
  mss: number;
  /** What the link carries in one segment; also what we tell the peer to send. */
  readonly linkMss: number;
  /** The largest payload of one frame with segmentation offload; 0 without. */
  readonly maxPayload: number;

  // Receive sequence space.
  irs: number;
  rcvNxt: number;
  /** The right edge of the window offered; never moves left. */
  rcvAdv: number;
  rcvScale: number;
  /** Both sides offer window scaling (RFC 7323 1.3). */
  scaling: boolean;
  /** Both sides send timestamps (RFC 7323 3.2): TS.Recent, when it was heard, and Last.ACK.sent. */
  timestamps: boolean;
  readonly timestampOffset: number;
  tsRecent = 0;
  tsRecentAtMs: number;
  lastAckSent: number;
  /** Both sides understand SACK (RFC 2018 2). */
  sackPermitted: boolean;
  /** Whether the peer's FIN is in order, and so behind all data. */
  finReceived = false;
  /** A FIN ahead of a gap, and its sequence number. */
  finAhead = false;
  finAheadSequence = 0;

  /** RCV.UP: the end of urgent data, meaningful while `urgent`. */
  urgent = false;
  urgentEnd = 0;

  // Data.
  readonly sendQueue = new SendQueue();
  readonly receiveQueue: ReceiveQueue;
  /** null until the first segment out of order: most connections never see one. */
  outOfOrder: RangeSet | null = null;
  /** null until there is something to report. */
  sackReport: SackReport | null = null;
  /** Grows while it is what holds the peer back; see receive/receive-tuning.ts. */
  receiveLimit: number;
  tuningSinceMs: number;
  tuningReleasedBytes = 0;

  // What the application wants.
  finWanted = false;
  finSent = false;
  /** sendRoom has been seen exhausted, so its return is an event. */
  roomExhausted = false;

  // Output that is due.
  /** The SYN, or the SYN-ACK. */
  synWanted = false;
  keepAliveWanted = false;
  ackWanted = false;
  /** ACKs for segments out of order, one for each: the peer counts them (RFC 5681 4.2). */
  duplicateAcksOwed = 0;
  /** The tail probe's time has come (loss/tail-probe.ts). */
  tailProbeWanted = false;
  /** The persist timer has run out: send one byte past the window, or a segment smaller than is worth it. */
  probeWanted = false;
  /** Bytes received since the last ACK was sent. */
  unacknowledgedBytes = 0;
  /** Counts exchanges in which data answered data quickly; see receive/delayed-ack.ts. */
  interactive = 0;
  lastDataAtMs = -Infinity;

  // What is in flight, and loss (loss/recovery.ts).
  readonly rtt: RttEstimator;
  readonly scoreboard: Scoreboard;
  congestion: CongestionWindow;
  readonly rack: Rack;
  lossState: LossState = LOSS_NONE;
  /** The repair is over when the peer acknowledges this. */
  recoverUntil = 0;
  duplicateAcks = 0;
  /** What duplicate ACKs say has left the network, where there is no SACK. */
  duplicateAckBytes = 0;
  /** Frames sent again, ever. */
  retransmits = 0;
  /** Repeated in this repair and not reported as a duplicate; the repair's reduction may be undone. */
  repeatedBytes = 0;
  undoable = false;
  /** TSval of the first repetition of this repair. */
  repeatStamped = false;
  repeatStamp = 0;
  /** When the SYN or SYN-ACK was sent first, and whether it was sent again. */
  synSentAtMs = -1;
  synRepeated = false;
  /** When data was last sent. */
  lastSentAtMs = -Infinity;
  /** A tail probe is out, until the peer acknowledges this (RFC 8985 7). */
  probing = false;
  probeEnd = 0;
  probeRepeats = false;

  // Time: absolute, Infinity where off.
  retransmitAt = Infinity;
  tailProbeAt = Infinity;
  reorderAt = Infinity;
  persistAt = Infinity;
  delayedAckAt = Infinity;
  keepAliveAt = Infinity;
  keepAliveProbes = 0;
  /** As the application has it; 0 for the limit of the stack. */
  keepAliveIdleMs = 0;
  /** When anything was last heard of the peer. */
  heardAtMs: number;
  /** When the peer last showed that things move on, and how often the timer has run out since. */
  progressAt: number;
  timeoutsInARow = 0;
  /** R2 of RFC 9293 3.8.3 as the application has it; 0 for the limit of the stack. */
  giveUpAfterMs = 0;
  challengeWindowAt = -Infinity;
  challengeAcks = 0;

  /** The last that was noticed about segments in flight (RFC 1122 4.2.3.9), and when. */
  softError: SoftError | null = null;
  softErrorAt = 0;

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

  readonly #limits: StackLimits;
  readonly #trace: StateTrace | null;

  /** A passive one is to hear of the peer's SYN at once, by `synchronize`. */
  constructor(
    flow: Flow,
    active: boolean,
    iss: number,
    timestampOffset: number,
    pool: BlockPool,
    limits: StackLimits,
    nowMs: number,
    trace: StateTrace | null,
  ) {
    this.flow = flow;
    this.active = active;
    this.state = active ? SYN_SENT : SYN_RECEIVED;
    this.iss = iss;
    this.sndUna = iss;
    this.sndNxt = (iss + 1) | 0;
    this.sndWnd = 0;
    this.maxSndWnd = 0;
    this.sndWl1 = 0;
    this.sndWl2 = iss;
    this.irs = 0;
    this.rcvNxt = 0;
    this.rcvAdv = 0;
    this.#limits = limits;
    this.linkMss = flow.path.linkRoom - TCP_HEADER_BYTES;
    this.maxPayload = Math.max(0, flow.path.offloadRoom - TCP_HEADER_BYTES);
    this.#trace = trace;
    this.mss = Math.min(DEFAULT_MSS, this.linkMss);
    this.scaling = true;
    this.sndScale = 0;
    this.rcvScale = windowScaleFor(limits.receiveBufferBytes);
    this.timestamps = true;
    this.timestampOffset = timestampOffset;
    this.tsRecentAtMs = nowMs;
    this.lastAckSent = 0;
    this.sackPermitted = true;
    this.receiveLimit = Math.min(limits.receiveBufferInitialBytes, limits.receiveBufferBytes);
    this.tuningSinceMs = nowMs;
    this.receiveQueue = new ReceiveQueue(pool);
    this.rtt = new RttEstimator(iss, limits.minRtoMs, limits.maxRtoMs);
    this.scoreboard = new Scoreboard(this.sndNxt, limits.maxTransmissions);
    this.congestion = this.#newCongestionWindow();
    this.rack = new Rack(this.sndNxt);
    this.progressAt = nowMs;
    this.heardAtMs = nowMs;
  }

  /** The peer's SYN, or its SYN-ACK: where its numbers start, and what both sides agree on. */
  synchronize(irs: number, options: SynOptions, window: number, nowMs: number): void {
    // The window of a SYN is never scaled (RFC 7323 2.2).
    this.sndWnd = window;
    this.maxSndWnd = window;
    this.sndWl1 = irs;
    this.irs = irs;
    this.rcvNxt = (irs + 1) | 0;
    this.rcvAdv = this.rcvNxt;
    this.lastAckSent = this.rcvNxt;
    const { path } = this.flow;
    const unsaid = path.version === 4 ? DEFAULT_MSS : DEFAULT_MSS_IPV6;
    this.mss = Math.min(options.mss === NO_MSS ? unsaid : options.mss, path.room - TCP_HEADER_BYTES);
    this.scaling = options.windowScale !== NO_WINDOW_SCALE;
    this.sndScale = this.scaling ? options.windowScale : 0;
    if (!this.scaling) {
      this.rcvScale = 0;
      this.receiveLimit = Math.min(0xffff, this.receiveLimit);
    }
    this.timestamps = options.timestamps;
    this.tsRecent = options.timestampValue;
    this.tsRecentAtMs = nowMs;
    this.sackPermitted = options.sackPermitted;
    this.congestion = this.#newCongestionWindow();
  }

  /** Nobody has answered the SYN or SYN-ACK, or not as if they had it. */
  repeatSyn(): void {
    this.synWanted = true;
    if (this.synSentAtMs >= 0) this.synRepeated = true;
  }

  /** The path turns out to carry less. */
  setMss(mss: number): void {
    this.mss = mss;
    this.congestion.setSegmentSize(this.#payloadBytes);
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

  /** Of a full segment with the options that each has. */
  get #payloadBytes(): number {
    return this.mss - (this.timestamps ? ALIGNED_TIMESTAMPS_BYTES : 0);
  }

  #newCongestionWindow(): CongestionWindow {
    const limits = this.#limits;
    return new CongestionWindow(
      limits.congestionControl,
      this.#payloadBytes,
      limits.initialWindowSegments,
      this.sndNxt,
      limits.sendBufferBytes,
    );
  }

  /** What the peer may still send, by what it was told. */
  get receiveWindow(): number {
    return Math.max(0, (this.rcvAdv - this.rcvNxt) | 0);
  }

  /** Something was lost, and is not yet repaired. */
  get recovering(): boolean {
    return this.lossState !== LOSS_NONE;
  }

  /** What is thought to be on the way to the peer (RFC 6675 4). */
  get pipeBytes(): number {
    return Math.max(0, this.scoreboard.pipeBytes - this.duplicateAckBytes);
  }

  /** What was said of segments that are still on their way. */
  get currentSoftError(): SoftError | null {
    return this.softErrorAt >= this.progressAt ? this.softError : null;
  }

  /** The peer is there, and things move on. */
  progressed(nowMs: number): void {
    this.progressAt = nowMs;
    this.timeoutsInARow = 0;
  }

  /** Sequence numbers in flight, SYN and FIN among them. */
  get inFlight(): number {
    return (this.sndNxt - this.sndUna) | 0;
  }

  /**
   * The number of a segment without text: SND.NXT, as far as the peer's window reaches.
   *
   * A probe of a closed window lies beyond it, and the peer drops what is numbered so with all that it says (RFC 9293
   * 3.10.7.4): its own text would count as lost until it has read ours, and a reset would not reach it. If it has
   * taken the probe after all, the probe's repetition is what it listens to. A FIN that goes with what fills a window
   * is taken, and so is what lies in a window that only looks narrower since scaling rounds it down.
   */
  get bareSequence(): number {
    // The SYN takes no part of the window.
    if (this.state === SYN_RECEIVED) return this.sndNxt;
    if (this.sndWnd === 0) return this.sndUna;
    const beyond = this.inFlight - (this.finSent ? 1 : 0) - this.sndWnd;
    return beyond < 1 << this.sndScale ? this.sndNxt : (this.sndUna + this.sndWnd) | 0;
  }
}
