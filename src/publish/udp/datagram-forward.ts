/**
 * A UDP port whose datagrams go on elsewhere: to a program in the sandbox, or on
 * the host.
 *
 *     client 127.0.0.1:40001 ─┐                ┌─ socket ── program
 *     client 127.0.0.1:40002 ─┴─ the one port ─┴─ socket ── program
 *
 * Each client has a socket of its own on the far side, by which the program
 * tells them apart and answers are told whose they are. A client that has been
 * quiet for long is forgotten. What can't be sent at once is dropped, as on any
 * full link.
 */

import type { RemoteInfo, Socket } from 'node:dgram';
import { RecentTable, type Used } from '../../egress/udp/recent.ts';
import { monotonicMs } from '../../monotonic.ts';
import type { Log } from '../../observe/log.ts';

/** Clients of one port at once; past it the one that was not used again goes. */
const MAX_FLOWS = 1024;
/** RFC 4787 REQ-5: not less than two minutes. */
const IDLE_TIMEOUT_MS = 120_000;
const SWEEP_INTERVAL_MS = 10_000;
/** Datagrams that are kept until the far side has its socket, which takes a millisecond. */
const MAX_WAITING = 64;
/** Of a socket that the kernel takes nothing from at the moment. */
const MAX_UNSENT_BYTES = 1 << 20;

export interface DatagramForwardOptions {
  /** Where the port is met, for the log. */
  readonly label: string;
  /** Bound already; it belongs to the forward from now on. */
  readonly socket: Socket;
  /** A socket that talks to the far end alone. */
  readonly connect: () => Promise<Socket>;
  readonly log: Log;
  /** Milliseconds of a monotonic clock. */
  readonly now?: () => number;
}

export class DatagramForward {
  readonly #options: DatagramForwardOptions;
  readonly #now: () => number;
  readonly #flows = new RecentTable<string, Flow>(MAX_FLOWS, (flow) => flow.close());
  #sweep: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: DatagramForwardOptions) {
    const { socket, label, log, now = monotonicMs } = options;
    this.#options = options;
    this.#now = now;
    socket.on('message', (payload, from) => this.#received(payload, from));
    // An ICMP error about an answer to a client that has gone.
    socket.on('error', ({ message }) => log.debug(`${label}: ${message}`));
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#sweep);
    for (const flow of this.#flows.values()) flow.close();
    this.#options.socket.close();
  }

  #received(payload: Buffer, { address, port }: RemoteInfo): void {
    const key = `${address} ${port}`;
    let flow = this.#flows.get(key);
    if (flow === undefined) {
      const client = { address, port };
      flow = new Flow(key, (answer) => sendOrDrop(this.#options.socket, answer, client));
      this.#flows.add(key, flow);
      void this.#connect(flow);
      this.#sweepLater();
    } else flow.used = true;
    flow.send(payload, this.#now());
  }

  async #connect(flow: Flow): Promise<void> {
    const { connect, label, log } = this.#options;
    try {
      flow.connected(await connect(), this.#now);
      log.debug(`${label}: datagrams from ${flow.key}`);
    } catch (error) {
      this.#end(flow);
      log.info(`${label}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  #sweepLater(): void {
    this.#sweep ??= setTimeout(() => {
      this.#sweep = undefined;
      const latest = this.#now() - IDLE_TIMEOUT_MS;
      for (const flow of this.#flows.values()) if (flow.usedAt <= latest) this.#end(flow);
      if (this.#flows.size > 0) this.#sweepLater();
    }, SWEEP_INTERVAL_MS);
  }

  #end(flow: Flow): void {
    if (this.#flows.get(flow.key) === flow) this.#flows.delete(flow.key);
    flow.close();
  }
}

/** One client. */
class Flow implements Used {
  /** The client has sent more than its first datagram. */
  used = false;
  usedAt = 0;
  /** The client's address and port. */
  readonly key: string;
  readonly #toClient: (payload: Uint8Array) => void;
  #waiting: Buffer[] = [];
  #far: Socket | undefined;
  #closed = false;

  constructor(key: string, toClient: (payload: Uint8Array) => void) {
    this.key = key;
    this.#toClient = toClient;
  }

  send(payload: Buffer, now: number): void {
    this.usedAt = now;
    if (this.#far !== undefined) sendOrDrop(this.#far, payload);
    else if (this.#waiting.length < MAX_WAITING) this.#waiting.push(payload);
  }

  connected(far: Socket, now: () => number): void {
    if (this.#closed) {
      far.close();
      return;
    }
    this.#far = far;
    far.on('message', (payload) => {
      this.usedAt = now();
      this.#toClient(payload);
    });
    far.on('error', () => {}); // nobody is bound there at the moment (ECONNREFUSED)
    for (const payload of this.#waiting.splice(0)) sendOrDrop(far, payload);
  }

  close(): void {
    this.#closed = true;
    this.#waiting = [];
    this.#far?.close();
    this.#far = undefined;
  }
}

/** @param to needless where the socket is connected; port 0 wants no answer (RFC 768), and Node throws at it */
function sendOrDrop(socket: Socket, payload: Uint8Array, to?: { address: string; port: number }): void {
  if (socket.getSendQueueSize() > MAX_UNSENT_BYTES) return;
  if (to === undefined) socket.send(payload);
  else if (to.port !== 0) socket.send(payload, to.port, to.address);
}
