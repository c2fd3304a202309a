/**
 * What all connections share: the way out, the tables, the lists of those with
 * something to do, and the limits.
 *
 * Work is kept in intrusive lists, so that a poll touches the connections with
 * output or events and no others, however many there are.
 */
import type { Clock } from '../../clock.ts';
import type { Counters } from '../../counters.ts';
import type { Transmitter } from '../../ip/output/transmitter.ts';
import { FlowMap } from '../../ip/packet/flow-map.ts';
import type { StackLimits } from '../../limits.ts';
import { AgeList } from '../../storage/age-list.ts';
import { BlockPool } from '../../storage/block-pool.ts';
import { TimerHeap } from '../../storage/timer-heap.ts';
import { Delivery } from '../flight/delivery.ts';
import type { IsnGenerator } from '../numbers/isn.ts';
import type { PendingRequest } from './pending-request.ts';
import type { StateTrace, Tcb } from './tcb.ts';
import type { TimeWait } from './time-wait-record.ts';

export class TcpContext {
  readonly clock: Clock;
  readonly limits: StackLimits;
  readonly counters: Counters;
  readonly transmitter: Transmitter;
  readonly pool: BlockPool;
  readonly isn: IsnGenerator;
  readonly flows: FlowMap<Tcb | PendingRequest | TimeWait>;
  readonly timers = new TimerHeap<Tcb>();
  /** What the ACK being processed has shown. */
  readonly delivery = new Delivery();
  readonly requests = new AgeList<PendingRequest>();
  readonly timeWaits = new AgeList<TimeWait>();
  /** Connections whose windows wait for memory, the first to have run out of it first (receive/waiting-windows.ts). */
  readonly waitingWindows = new Set<Tcb>();
  /** Bytes in the send queues of all connections. */
  sendQueuedBytes = 0;
  /** Connections in the flow table. */
  connectionCount = 0;
  /** A number that nobody can foresee. */
  readonly flowSeed: number;
  trace: StateTrace | null = null;
  /** Told when a list gets its first entry. */
  readonly #onWork: () => void;
  #firstOutput: Tcb | null = null;
  #lastOutput: Tcb | null = null;
  #firstEvent: Tcb | null = null;
  #lastEvent: Tcb | null = null;

  constructor(
    clock: Clock,
    limits: StackLimits,
    counters: Counters,
    transmitter: Transmitter,
    isn: IsnGenerator,
    flowSeed: number,
    onWork: () => void,
  ) {
    this.clock = clock;
    this.limits = limits;
    this.counters = counters;
    this.transmitter = transmitter;
    this.isn = isn;
    this.pool = new BlockPool(limits.receivePoolBytes, limits.receivePoolIdleBytes);
    this.flows = new FlowMap(flowSeed);
    this.flowSeed = flowSeed;
    this.#onWork = onWork;
  }

  /** There is work that no list here knows of. */
  wake(): void {
    this.#onWork();
  }

  get hasEvents(): boolean {
    return this.#firstEvent !== null;
  }

  get hasOutput(): boolean {
    return this.#firstOutput !== null;
  }

  /** The connection has something to send, or may have. */
  wantOutput(tcb: Tcb): void {
    if (tcb.inOutput) return;
    tcb.inOutput = true;
    tcb.nextOutput = null;
    if (this.#lastOutput === null) this.#firstOutput = tcb;
    else this.#lastOutput.nextOutput = tcb;
    this.#lastOutput = tcb;
    this.#onWork();
  }

  takeOutput(): Tcb | null {
    const tcb = this.#firstOutput;
    if (tcb === null) return null;
    this.#firstOutput = tcb.nextOutput;
    if (this.#firstOutput === null) this.#lastOutput = null;
    tcb.nextOutput = null;
    tcb.inOutput = false;
    return tcb;
  }

  /** The application is to hear of it at the next poll. */
  wantEvent(tcb: Tcb, event: number): void {
    tcb.pendingEvents |= event;
    if (tcb.inEvents) return;
    tcb.inEvents = true;
    tcb.nextEvent = null;
    if (this.#lastEvent === null) this.#firstEvent = tcb;
    else this.#lastEvent.nextEvent = tcb;
    this.#lastEvent = tcb;
    this.#onWork();
  }

  takeEvent(): Tcb | null {
    const tcb = this.#firstEvent;
    if (tcb === null) return null;
    this.#firstEvent = tcb.nextEvent;
    if (this.#firstEvent === null) this.#lastEvent = null;
    tcb.nextEvent = null;
    tcb.inEvents = false;
    return tcb;
  }

  /** After a timer of the connection was set. */
  armTimers(tcb: Tcb): void {
    const at = Math.min(
      tcb.retransmitAt,
      tcb.tailProbeAt,
      tcb.reorderAt,
      tcb.persistAt,
      tcb.delayedAckAt,
      tcb.keepAliveAt,
    );
    if (at < tcb.timerAt) this.timers.wake(tcb, at);
  }
}
