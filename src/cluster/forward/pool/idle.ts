/** Connections without streams: closed after a while, unless somebody wants them before. */
import type { PodConnection } from '../transport.ts';

export class IdleConnections {
  readonly #idleMs: number;
  readonly #timers = new Map<PodConnection, NodeJS.Timeout>();

  constructor(idleMs: number) {
    this.#idleMs = idleMs;
  }

  get count(): number {
    return this.#timers.size;
  }

  /** The connection is without streams from now on. */
  add(connection: PodConnection): void {
    this.delete(connection);
    const timer = setTimeout(() => connection.destroy(new Error('idle')), this.#idleMs);
    timer.unref();
    this.#timers.set(connection, timer);
  }

  /** It is in use again, or closed. */
  delete(connection: PodConnection): void {
    clearTimeout(this.#timers.get(connection));
    this.#timers.delete(connection);
  }
}
