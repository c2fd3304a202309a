/**
 * The upgraded connections to pods: opened when needed or a little before, shared, let go of.
 *
 * One stream that nobody reads can hold up the connection it lives in, so as
 * long as there are few streams each has a connection to itself: up to
 * `connectionsPerPod` of them to a pod. Past that they share, and a new stream
 * goes to the connection with the least load. A connection that is doubtful or
 * held up gets none, and does not count; one that is spent is none.
 *
 * Who comes while a connection is being opened claims a place in it, so that
 * many who come at once are spread evenly over many connections, and each waits
 * for one upgrade. Transports that carry one stream get a connection each.
 *
 * An upgrade costs a TLS handshake and several round trips. `warm` has a
 * connection ready for where the next stream is likely to go, within
 * `warmConnections` unused ones. A connection without streams is closed after a
 * while, and that of a pod that has left the endpoints with its last stream.
 */
import { type EndpointPod, type Target, podKey } from '../../discovery/endpoints.ts';
import { ClusterError, reasonOf } from '../../errors.ts';
import type { ClusterLog } from '../../log.ts';
import type { TransportLadder } from '../ladder.ts';
import type { ForwardLimits } from '../limits.ts';
import type { PodConnection } from '../transport.ts';
import { Departures } from './departures.ts';

/** A connection to a pod, from the moment in which it is wanted. */
interface Slot {
  connection: PodConnection | undefined;
  opening: Promise<PodConnection>;
  /** Streams that will be opened in it, by those who wait. */
  claims: number;
}

interface PodEntry {
  readonly pod: EndpointPod;
  readonly slots: Set<Slot>;
}

interface PoolNeeds {
  readonly ladder: TransportLadder;
  readonly limits: ForwardLimits;
  readonly log: ClusterLog;
  /** Whether a pod still runs. */
  readonly podExists: (pod: EndpointPod) => Promise<boolean>;
}

export class ConnectionPool {
  readonly #ladder: TransportLadder;
  readonly #limits: ForwardLimits;
  readonly #log: ClusterLog;
  readonly #departures: Departures;
  readonly #pods = new Map<string, PodEntry>();
  readonly #idleTimers = new Map<PodConnection, NodeJS.Timeout>();
  readonly #toWarm = new Map<string, Target>();
  #warmTimer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor({ ladder, limits, log, podExists }: PoolNeeds) {
    this.#ladder = ladder;
    this.#limits = limits;
    this.#log = log;
    this.#departures = new Departures(podExists, limits);
  }

  /** Calls `use` with a connection in which one stream to `target` may be opened, there and then. */
  async withConnection(target: Target, use: (connection: PodConnection) => void): Promise<void> {
    for (;;) {
      if (this.#closed) throw closedError();
      const entry = this.#entry(target.pod);
      const shared = this.#choose(entry);
      const slot = shared ?? this.#open(entry, target);
      slot.claims++;
      let connection: PodConnection;
      try {
        connection = slot.connection ?? (await slot.opening);
      } finally {
        slot.claims--;
      }
      // Those who came before may have used it up. Who has opened it finds out what is wrong with it.
      if (shared && connection.spent) continue;
      this.#stopIdling(connection);
      use(connection);
      if (connection.streamCount === 0) this.#unused(connection);
      return;
    }
  }

  /** A stream to `target` may be wanted soon. */
  warm(target: Target): void {
    if (this.#limits.warmConnections === 0) return;
    this.#toWarm.set(podKey(target.pod), target);
    if (this.#warmTimer) return;
    this.#warmTimer = setTimeout(() => {
      this.#warmTimer = undefined;
      for (const [key, wanted] of this.#toWarm) {
        this.#toWarm.delete(key);
        this.#warmNow(wanted);
      }
    }, this.#limits.warmDelayMs);
    this.#warmTimer.unref();
  }

  /** A connection has found the pod's sandbox gone: those that were opened before it lead there as well. */
  sandboxGone(pod: EndpointPod, finder: PodConnection): void {
    const connections = connectionsOf(this.#pods.get(podKey(pod)));
    for (const connection of connections.slice(0, connections.indexOf(finder) + 1)) connection.podGone();
  }

  /**
   * The pod is no endpoint of anything any more: no new stream goes where the
   * old ones are, and these are watched over until it is known that it is gone.
   */
  podLeft(pod: EndpointPod): void {
    const key = podKey(pod);
    const entry = this.#pods.get(key);
    if (!entry) return;
    for (const connection of connectionsOf(entry)) {
      connection.retire();
      if (connection.streamCount > 0) connection.suspect();
    }
    const inUse = (): boolean => this.#pods.get(key) === entry && connectionsOf(entry).length > 0;
    if (inUse()) this.#departures.watch(key, pod, inUse, () => endOf(entry));
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#warmTimer);
    this.#departures.close();
    for (const entry of this.#pods.values()) {
      for (const connection of connectionsOf(entry)) connection.destroy(closedError());
    }
  }

  #entry(pod: EndpointPod): PodEntry {
    const key = podKey(pod);
    const known = this.#pods.get(key);
    if (known) return known;
    // One of the same name takes the place of its predecessor only when that is gone.
    for (const other of this.#pods.values()) {
      if (other.pod.name === pod.name && other.pod.namespace === pod.namespace) this.podLeft(other.pod);
    }
    const entry: PodEntry = { pod, slots: new Set() };
    this.#pods.set(key, entry);
    return entry;
  }

  /** Where a new stream goes; undefined where a connection is to be opened for it. */
  #choose({ slots }: PodEntry): Slot | undefined {
    if (this.#ladder.preferred === 'websocket') return undefined;
    let best: Slot | undefined;
    let lastResort: Slot | undefined;
    let healthy = 0;
    for (const slot of slots) {
      const { connection, claims } = slot;
      if (connection?.spent) continue;
      lastResort = lighter(lastResort, slot);
      if (connection?.doubtful) continue;
      healthy++;
      const streams = claims + (connection?.streamCount ?? 0);
      if (streams < this.#limits.streamsPerConnection) best = lighter(best, slot);
    }
    if (best && loadOf(best) === 0) return best;
    const room = healthy < this.#limits.connectionsPerPod && this.#slotCount() < this.#limits.connections;
    return room ? undefined : (best ?? lastResort);
  }

  #slotCount(): number {
    let count = 0;
    for (const { slots } of this.#pods.values()) count += slots.size;
    return count;
  }

  #open(entry: PodEntry, target: Target, ahead = false): Slot {
    const slot: Slot = {
      connection: undefined,
      opening: this.#connect(target, ahead, () => this.#drop(entry, slot)),
      claims: 0,
    };
    entry.slots.add(slot);
    void this.#settle(entry, slot);
    return slot;
  }

  async #settle(entry: PodEntry, slot: Slot): Promise<void> {
    try {
      slot.connection = await slot.opening;
    } catch {
      // Those who wait for it are told.
      this.#drop(entry, slot);
    }
  }

  async #connect(target: Target, ahead: boolean, onClosed: () => void): Promise<PodConnection> {
    const connection = await this.#ladder.connect(
      target,
      {
        onIdle: () => this.#unused(connection),
        onClosed: () => {
          this.#stopIdling(connection);
          onClosed();
        },
      },
      ahead,
    );
    if (this.#closed) {
      connection.destroy(closedError());
      throw closedError();
    }
    return connection;
  }

  #drop(entry: PodEntry, slot: Slot): void {
    entry.slots.delete(slot);
    const key = podKey(entry.pod);
    if (entry.slots.size === 0 && this.#pods.get(key) === entry) this.#pods.delete(key);
  }

  #warmNow(target: Target): void {
    if (this.#closed || this.#ladder.preferred === 'websocket') return;
    if (this.#idleTimers.size >= this.#limits.warmConnections) return;
    const entry = this.#entry(target.pod);
    if (this.#choose(entry)) return;
    void this.#openAhead(entry, target);
  }

  async #openAhead(entry: PodEntry, target: Target): Promise<void> {
    const slot = this.#open(entry, target, true);
    try {
      const connection = await slot.opening;
      if (slot.claims === 0 && connection.streamCount === 0) this.#unused(connection);
    } catch (error) {
      this.#log.debug(`no connection ahead to pod ${target.pod.name}: ${reasonOf(error)}`);
    }
  }

  /** A connection is without streams. */
  #unused(connection: PodConnection): void {
    if (!connection.shared) {
      connection.destroy(new Error('not needed any more'));
      return;
    }
    this.#stopIdling(connection);
    const timer = setTimeout(() => connection.destroy(new Error('idle')), this.#limits.idleConnectionMs);
    timer.unref();
    this.#idleTimers.set(connection, timer);
  }

  #stopIdling(connection: PodConnection): void {
    clearTimeout(this.#idleTimers.get(connection));
    this.#idleTimers.delete(connection);
  }
}

/** In the order in which they were wanted. */
function connectionsOf(entry: PodEntry | undefined): PodConnection[] {
  return [...(entry?.slots ?? [])].flatMap(({ connection }) => connection ?? []);
}

function loadOf({ connection, claims }: Slot): number {
  return claims + (connection?.load ?? 0);
}

function lighter(best: Slot | undefined, slot: Slot): Slot {
  return best && loadOf(best) <= loadOf(slot) ? best : slot;
}

/** The pod is gone: what it has said may still come, and then its streams end. */
function endOf(entry: PodEntry): void {
  for (const connection of connectionsOf(entry)) connection.podGone();
}

function closedError(): ClusterError {
  return new ClusterError('CLUSTER_CLOSED', 'the session has ended', 'start a new one');
}
