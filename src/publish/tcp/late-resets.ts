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
 * That a send queue is empty is told by no event, so its length is looked up:
 * tx_queue of /proc/net/tcp (proc(5)), which shows the sockets of this process's
 * network namespace. One that it does not show is reset once Node has nothing
 * left of it.
 */

import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { reset } from '../../egress/index.ts';
import { monotonicMs } from '../../monotonic.ts';
import { LINGER_TIMEOUT_MS } from '../../relay/linger.ts';

const LOOK_INTERVAL_MS = 50;
/** Where the tables are long, this many times what it takes to read them. */
const REST_PER_LOOK = 20;

interface Late {
  leftBytes: number;
  movedAtMs: number;
  /** A line may be hidden while others go; it is gone when that is so twice. */
  wasMissing: boolean;
}

export class LateResets {
  readonly #lingerMs: number;
  readonly #late = new Map<Socket, Late>();
  #isLooking = false;

  constructor(lingerMs = LINGER_TIMEOUT_MS) {
    this.#lingerMs = lingerMs;
  }

  /** Resets it once all that was written to it has arrived, or has stood still for too long. */
  add(socket: Socket): void {
    if (socket.destroyed) return;
    this.#late.set(socket, { leftBytes: Infinity, movedAtMs: monotonicMs(), wasMissing: false });
    socket.once('close', () => this.#late.delete(socket));
    if (this.#isLooking) return;
    this.#isLooking = true;
    setImmediate(() => this.#look());
  }

  #look(): void {
    const began = monotonicMs();
    const queues = sendQueues();
    for (const [socket, late] of this.#late) {
      const queued = queues.get(portsOf(socket));
      const isHidden = queued === undefined && !late.wasMissing;
      late.wasMissing = queued === undefined;
      if (isHidden) continue;
      const leftBytes = socket.writableLength + (queued ?? 0);
      if (leftBytes !== late.leftBytes) Object.assign(late, { leftBytes, movedAtMs: began });
      if (leftBytes > 0 && began - late.movedAtMs < this.#lingerMs) continue;
      this.#late.delete(socket);
      reset(socket);
    }
    this.#isLooking = this.#late.size > 0;
    if (!this.#isLooking) return;
    const pauseMs = Math.max(LOOK_INTERVAL_MS, REST_PER_LOOK * (monotonicMs() - began));
    setTimeout(() => this.#look(), pauseMs).unref();
  }
}

/** In bytes, by the ports of both ends. Where addresses differ alone, it is the sum, and waits too long rather than too little. */
function sendQueues(): Map<string, number> {
  const queues = new Map<string, number>();
  for (const file of ['/proc/self/net/tcp', '/proc/self/net/tcp6']) {
    for (const line of textOf(file).split('\n').slice(1, -1)) {
      // sl local remote state tx:rx …
      const [, local, remote, , lengths] = line.trim().split(/\s+/);
      const ports = [local, remote].map((end) => end.slice(end.lastIndexOf(':') + 1)).join();
      queues.set(ports, (queues.get(ports) ?? 0) + Number.parseInt(lengths, 16));
    }
  }
  return queues;
}

function portsOf({ localPort = 0, remotePort = 0 }: Socket): string {
  return [localPort, remotePort].map((port) => port.toString(16).toUpperCase().padStart(4, '0')).join();
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return ''; // no IPv6 here, or no /proc
  }
}
