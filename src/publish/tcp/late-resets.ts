/**
 * Resets that come behind the bytes before them.
 *
 * A socket that is reset drops what it still holds, and its kernel does the same
 * (tcp(7)). So it is reset once the other end's kernel has acknowledged all of
 * it: Linux leaves there what it has taken, to be read before the error. What
 * another system's kernel drops then can't be kept.
 *
 * A FIN before the reset would get the bytes out as well. It is not sent: to
 * whoever reads up to it, what was cut off would be complete.
 *
 * That a send queue is empty is told by no event, so its length is looked up.
 */

import type { Socket } from 'node:net';
import { reset } from '../../egress/index.ts';
import { monotonicMs } from '../../monotonic.ts';
import { LINGER_TIMEOUT_MS } from '../../relay/linger.ts';
import { fdOf } from '../../socket-fd.ts';

const LOOK_INTERVAL_MS = 50;

interface Late {
  readonly unsentOf: (fd: number) => number;
  leftBytes: number;
  movedAtMs: number;
}

export class LateResets {
  readonly #lingerMs: number;
  readonly #late = new Map<Socket, Late>();
  #isLooking = false;

  constructor(lingerMs = LINGER_TIMEOUT_MS) {
    this.#lingerMs = lingerMs;
  }

  /**
   * Resets it once all that was written to it has arrived, or has stood still for too long.
   *
   * @param unsentOf as SocketStates has it
   */
  add(socket: Socket, unsentOf: (fd: number) => number): void {
    if (socket.destroyed) return;
    this.#late.set(socket, { unsentOf, leftBytes: Infinity, movedAtMs: monotonicMs() });
    socket.once('close', () => this.#late.delete(socket));
    if (this.#isLooking) return;
    this.#isLooking = true;
    setImmediate(() => this.#look());
  }

  has(socket: Socket): boolean {
    return this.#late.has(socket);
  }

  #look(): void {
    const now = monotonicMs();
    for (const [socket, late] of this.#late) {
      const leftBytes = socket.destroyed ? 0 : socket.writableLength + late.unsentOf(fdOf(socket));
      if (leftBytes !== late.leftBytes) Object.assign(late, { leftBytes, movedAtMs: now });
      if (leftBytes > 0 && now - late.movedAtMs < this.#lingerMs) continue;
      this.#late.delete(socket);
      reset(socket);
    }
    this.#isLooking = this.#late.size > 0;
    if (this.#isLooking) setTimeout(() => this.#look(), LOOK_INTERVAL_MS).unref();
  }
}
