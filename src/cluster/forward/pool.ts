/**
 * The upgraded connections to pods, opened when first needed and shared.
 *
 * A new stream goes to the least used connection of its pod that is not full,
 * spent or doubtful; where there is none, one more is opened, up to a limit,
 * and past it the least used of the others has to do. Those who wait for the
 * same pod wait for one upgrade. Transports that carry one stream get a
 * connection each. A connection without streams is closed after a while.
 */
import { type Target, podKey } from '../discovery/endpoints.ts';
import { ClusterError } from '../errors.ts';
import type { TransportLadder } from './ladder.ts';
import type { ForwardLimits } from './limits.ts';
import type { PodConnection } from './transport.ts';

interface PodEntry {
  readonly connections: Set<PodConnection>;
  opening: Promise<PodConnection> | undefined;
}

export class ConnectionPool {
  readonly #ladder: TransportLadder;
  readonly #limits: ForwardLimits;
  readonly #pods = new Map<string, PodEntry>();
  readonly #idleTimers = new Map<PodConnection, NodeJS.Timeout>();
  #closed = false;

  constructor(ladder: TransportLadder, limits: ForwardLimits) {
    this.#ladder = ladder;
    this.#limits = limits;
  }

  /** A connection in which a stream to `target` can be opened; open it in the same tick. */
  async acquire(target: Target): Promise<PodConnection> {
    const key = podKey(target.pod);
    for (;;) {
      if (this.#closed) throw closedError();
      if (this.#ladder.preferred === 'websocket') return this.#open(key, target);
      const entry = this.#entry(key);
      const ready = this.#choose(entry);
      if (ready) {
        this.#stopIdling(ready);
        return ready;
      }
      if (!entry.opening) {
        entry.opening = this.#open(key, target);
        try {
          return await entry.opening;
        } finally {
          entry.opening = undefined;
          this.#forgetIfEmpty(key);
        }
      }
      // Its failure is as good as ours would be; its success may be full by the time we come.
      await entry.opening;
    }
  }

  /** Gives back a connection in which no stream was opened after all. */
  release(connection: PodConnection): void {
    if (connection.streamCount > 0) return;
    if (connection.shared) this.#startIdling(connection);
    else connection.destroy(new Error('not needed any more'));
  }

  close(): void {
    this.#closed = true;
    for (const { connections } of this.#pods.values()) {
      for (const connection of connections) connection.destroy(closedError());
    }
  }

  #entry(key: string): PodEntry {
    let entry = this.#pods.get(key);
    if (!entry) {
      entry = { connections: new Set(), opening: undefined };
      this.#pods.set(key, entry);
    }
    return entry;
  }

  #choose(entry: PodEntry): PodConnection | undefined {
    let best: PodConnection | undefined;
    let lastResort: PodConnection | undefined;
    let usable = 0;
    for (const connection of entry.connections) {
      if (connection.spent) continue;
      usable++;
      const { streamCount, doubtful } = connection;
      if (!lastResort || streamCount < lastResort.streamCount) lastResort = connection;
      if (doubtful || streamCount >= this.#limits.streamsPerConnection) continue;
      if (!best || streamCount < best.streamCount) best = connection;
    }
    return best ?? (usable >= this.#limits.connectionsPerPod ? lastResort : undefined);
  }

  async #open(key: string, target: Target): Promise<PodConnection> {
    const connection = await this.#ladder.connect(target, {
      onIdle: () => this.#startIdling(connection),
      onClosed: () => this.#drop(key, connection),
    });
    if (this.#closed) {
      connection.destroy(closedError());
      throw closedError();
    }
    this.#entry(key).connections.add(connection);
    return connection;
  }

  #drop(key: string, connection: PodConnection): void {
    this.#stopIdling(connection);
    this.#pods.get(key)?.connections.delete(connection);
    this.#forgetIfEmpty(key);
  }

  #forgetIfEmpty(key: string): void {
    const entry = this.#pods.get(key);
    if (entry && entry.connections.size === 0 && !entry.opening) this.#pods.delete(key);
  }

  #startIdling(connection: PodConnection): void {
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

function closedError(): ClusterError {
  return new ClusterError('CLUSTER_CLOSED', 'the session has ended', 'start a new one');
}
