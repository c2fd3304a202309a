/**
 * The upgraded connections to pods: opened when needed or a little before, shared, let go of.
 *
 * One stream that nobody reads can hold up the connection it lives in, so as
 * long as there are few streams each has a connection to itself: up to
 * `connectionsPerPod` of them to a pod. Past that they share, and a new stream
 * goes to the connection with the least load. A connection that is doubtful or
 * held up gets none, and does not count; one that is spent is none.
 *
 * Who finds no free connection waits for the first of: one that is opened for
 * it, one that comes free, a fair share of one where no more may be opened, and,
 * after `ownConnectionMs`, any. Transports that carry one stream get a
 * connection each.
 *
 * An upgrade costs a TLS handshake and several round trips. `warm` has a
 * connection ready for where the next stream is likely to go, within
 * `warmConnections` unused ones. A connection without streams is closed after a
 * while, and that of a pod that has left the endpoints with its last stream.
 */
import { monotonicMs } from '../../../monotonic.ts';
import { type EndpointPod, type Target, podKey } from '../../discovery/endpoints.ts';
import { ClusterError, reasonOf } from '../../errors.ts';
import type { ClusterLog } from '../../log.ts';
import type { TransportLadder } from '../ladder.ts';
import type { ForwardLimits } from '../limits.ts';
import type { PodConnection } from '../transport.ts';
import { Departures } from './departures.ts';
import { type Asked, type PodEntry, type Waiter, endOf, rejectAll, rejectFirst } from './entry.ts';
import { IdleConnections } from './idle.ts';
import { hasRoom, isFree, placeFor } from './placement.ts';

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
  readonly #idle: IdleConnections;
  readonly #toWarm = new Map<string, Target>();
  #warmTimer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor({ ladder, limits, log, podExists }: PoolNeeds) {
    this.#ladder = ladder;
    this.#limits = limits;
    this.#log = log;
    this.#departures = new Departures(podExists, limits);
    this.#idle = new IdleConnections(limits.idleConnectionMs);
  }

  /** Calls `use` with a connection in which one stream to `target` may be opened, there and then. */
  withConnection(target: Target, use: (connection: PodConnection) => void): Promise<void> {
    return new Promise((done, failed) => {
      if (this.#closed) {
        failed(closedError());
        return;
      }
      const entry = this.#entry(target.pod);
      this.#endPredecessors(target.pod);
      const patience = setTimeout(() => this.#serve(entry, true), this.#limits.ownConnectionMs);
      entry.waiting.push({ target, use, done, failed, patience });
      this.#serve(entry);
      this.#openForWaiting(entry);
    });
  }

  /** How long the server has been asked for a connection to the pod, and has not answered. */
  unansweredMs({ pod }: Target): number {
    const now = monotonicMs();
    const asked = this.#pods.get(podKey(pod))?.asked ?? [];
    return Math.max(0, ...[...asked].map(({ atMs }) => now - atMs));
  }

  /** A stream to `target` may be wanted soon. */
  warm(target: Target): void {
    if (this.#limits.warmConnections === 0) return;
    this.#toWarm.set(podKey(target.pod), target);
    if (this.#warmTimer) return;
    this.#warmTimer = setTimeout(() => void this.#warmAll(), this.#limits.warmDelayMs);
    this.#warmTimer.unref();
  }

  /** A connection has found the pod's sandbox gone: those that were opened before it lead there as well. */
  sandboxGone(pod: EndpointPod, finder: PodConnection): void {
    const connections = [...(this.#pods.get(podKey(pod))?.connections ?? [])];
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
    for (const connection of entry.connections) {
      connection.retire();
      if (connection.streamCount > 0) connection.suspect();
    }
    const inUse = (): boolean =>
      this.#pods.get(key) === entry && (entry.connections.size > 0 || entry.opening > 0);
    if (inUse()) this.#departures.watch(key, pod, inUse, () => endOf(entry));
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#warmTimer);
    this.#departures.close();
    for (const entry of this.#pods.values()) {
      rejectAll(entry, closedError());
      for (const connection of entry.connections) connection.destroy(closedError());
    }
  }

  #entry(pod: EndpointPod): PodEntry {
    const key = podKey(pod);
    const known = this.#pods.get(key);
    if (known) return known;
    for (const other of this.#namesakes(pod)) this.podLeft(other.pod);
    const entry: PodEntry = { pod, connections: new Set(), waiting: [], opening: 0, asked: new Set() };
    this.#pods.set(key, entry);
    return entry;
  }

  /**
   * There is one object of a name, so one of another uid is gone, which who may not read pods could not ask.
   * For a dial alone: what is to be warmed may be out of date, and the predecessor itself.
   */
  #endPredecessors(pod: EndpointPod): void {
    for (const other of this.#namesakes(pod)) {
      if (other.pod.uid !== undefined && pod.uid !== undefined) endOf(other);
    }
  }

  #namesakes({ namespace, name, uid }: EndpointPod): PodEntry[] {
    return [...this.#pods.values()].filter(
      ({ pod }) => pod.name === name && pod.namespace === namespace && pod.uid !== uid,
    );
  }

  #forgetIfEmpty(entry: PodEntry): void {
    if (entry.connections.size > 0 || entry.opening > 0 || entry.waiting.length > 0) return;
    const key = podKey(entry.pod);
    if (this.#pods.get(key) === entry) this.#pods.delete(key);
  }

  /** Gives connections to those who wait, the first come first. */
  #serve(entry: PodEntry, patienceLost = false): void {
    let anyWillDo = patienceLost;
    for (let [first] = entry.waiting; first; [first] = entry.waiting) {
      const connection = placeFor(entry, this.#limits, { anyWillDo, room: this.#hasRoom(entry) });
      if (!connection) return;
      anyWillDo = false;
      entry.waiting.shift();
      this.#give(connection, first);
    }
  }

  /** A connection that leads to one port alone is for the first who wants that one. */
  #serveOnly(entry: PodEntry, connection: PodConnection, port: number): void {
    const at = entry.waiting.findIndex(({ target }) => target.port === port);
    if (at < 0) this.#unused(connection);
    else for (const waiter of entry.waiting.splice(at, 1)) this.#give(connection, waiter);
  }

  #give(connection: PodConnection, { patience, use, done }: Waiter): void {
    clearTimeout(patience);
    this.#idle.delete(connection);
    use(connection);
    if (connection.streamCount === 0) this.#unused(connection);
    done();
  }

  /** For the first of those who wait for whom none is being opened. */
  #openForWaiting(entry: PodEntry): void {
    const next = entry.waiting.at(entry.opening);
    if (next && this.#mayOpen(entry)) void this.#open(entry, next.target);
  }

  /** A few at a time: while they are being opened, others may come free. */
  #mayOpen(entry: PodEntry): boolean {
    if (this.#ladder.preferred === 'websocket') return true;
    return entry.opening < this.#limits.openingPerPod && this.#hasRoom(entry);
  }

  #hasRoom(entry: PodEntry): boolean {
    return hasRoom(entry, this.#limits, this.#connectionCount());
  }

  #connectionCount(): number {
    let count = 0;
    for (const { connections, opening } of this.#pods.values()) count += connections.size + opening;
    return count;
  }

  async #open(entry: PodEntry, target: Target, ahead = false): Promise<void> {
    entry.opening++;
    const asked: Asked = { atMs: 0 };
    const onWaiting = (isWaiting: boolean): void => {
      asked.atMs = monotonicMs();
      if (isWaiting) entry.asked.add(asked);
      else entry.asked.delete(asked);
    };
    try {
      const connection = await this.#ladder.connect(
        target,
        {
          onEased: () => {
            if (connection.streamCount === 0) this.#unused(connection);
            this.#serve(entry);
          },
          onClosed: () => {
            this.#idle.delete(connection);
            entry.connections.delete(connection);
            this.#forgetIfEmpty(entry);
          },
        },
        { sharedOnly: ahead, onWaiting },
      );
      entry.opening--;
      entry.asked.delete(asked);
      this.#opened(entry, connection);
    } catch (error) {
      entry.opening--;
      entry.asked.delete(asked);
      if (ahead) this.#log.debug(`no connection ahead to pod ${target.pod.name}: ${reasonOf(error)}`);
      this.#notOpened(entry, error);
    }
    this.#openForWaiting(entry);
    this.#forgetIfEmpty(entry);
  }

  #opened(entry: PodEntry, connection: PodConnection): void {
    if (this.#closed) {
      connection.destroy(closedError());
      return;
    }
    if (connection.spent) {
      this.#notOpened(entry, cutError(entry.pod));
      return;
    }
    entry.connections.add(connection);
    if (connection.onlyPort !== undefined) {
      this.#serveOnly(entry, connection, connection.onlyPort);
      return;
    }
    this.#serve(entry);
    if (connection.streamCount === 0) this.#unused(connection);
  }

  /** Who waits shares what there is; where there is nothing, the failure is theirs as well. */
  #notOpened(entry: PodEntry, error: unknown): void {
    if (error instanceof ClusterError && error.code === 'POD_GONE') {
      endOf(entry);
      rejectAll(entry, error);
    } else if ([...entry.connections].some(({ spent }) => !spent)) this.#serve(entry, true);
    else if (entry.opening === 0) rejectAll(entry, error);
    else if (entry.waiting.length > entry.opening) rejectFirst(entry, error);
  }

  /** One after the other: nobody waits for them, and others have work to do. */
  async #warmAll(): Promise<void> {
    for (const [key, target] of this.#toWarm) {
      this.#toWarm.delete(key);
      const entry = this.#entry(target.pod);
      if (this.#wantsAhead(entry)) await this.#open(entry, target, true);
      else this.#forgetIfEmpty(entry);
    }
    this.#warmTimer = undefined;
  }

  #wantsAhead(entry: PodEntry): boolean {
    if (this.#closed || this.#ladder.preferred === 'websocket') return false;
    if (this.#idle.count >= this.#limits.warmConnections) return false;
    const free = [...entry.connections].some(isFree);
    return !free && entry.opening === 0 && this.#mayOpen(entry);
  }

  /** A connection is without streams. */
  #unused(connection: PodConnection): void {
    if (connection.onlyPort === undefined) this.#idle.add(connection);
    else connection.destroy(new Error('not needed any more'));
  }
}

function cutError({ namespace, name }: EndpointPod): ClusterError {
  return new ClusterError(
    'FORWARD_REFUSED',
    `the API server closes connections to pod ${namespace}/${name} as soon as they are open`,
    `see whether kubectl meets the same: kubectl -n ${namespace} port-forward pod/${name} :PORT`,
  );
}

function closedError(): ClusterError {
  return new ClusterError('CLUSTER_CLOSED', 'the session has ended', 'start a new one');
}
