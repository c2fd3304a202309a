/**
 * Servers whose connections go on elsewhere: to a program in the sandbox, on the
 * host, or in a cluster.
 *
 * A client is taken first and its far end dialled after, for the kernel answers
 * it before this process knows of it. Meanwhile its socket fills one buffer, for
 * only a socket that reads hears of a reset. Where the far end refuses, the
 * client meets a reset. From then on bytes go both ways, each side held up by the
 * other, until both have ended: a FIN is passed on as one, a reset as a reset,
 * behind the bytes before it.
 *
 * A command that writes its last word and ends is no reason to lose it: at the
 * end, what its sockets hold is passed on first. A connection that has neither
 * end in the sandbox has no last word, and is reset.
 */

import { createServer, type Server, Socket } from 'node:net';
import { openSocketStates, type SocketStates } from '../../../sandbox/index.ts';
import { reset, Resets, type Resettable } from '../../egress/index.ts';
import type { Log } from '../../observe/log.ts';
import { LINGER_TIMEOUT_MS } from '../../relay/linger.ts';
import { RemoteStreamError } from '../../relay/stream.ts';
import { fdOf } from '../../socket-fd.ts';
import { LateResets } from './late-resets.ts';
import { roomForConnections } from './room.ts';

/** At the end: who takes longer to read the last of it does not read. */
const LAST_BYTES_TIMEOUT_MS = 1_000;

/** Connects, or rejects; the signal gives it up, and does nothing afterwards. */
export type FarDial = (signal: AbortSignal) => Promise<Resettable>;

export interface SpliceOptions {
  /** Where the server is met, for the log. */
  readonly label: string;
  readonly dial: FarDial;
  /** What the far end is to be told first. */
  readonly preface?: (near: Socket) => Uint8Array;
  /** Neither end is in the sandbox. */
  readonly bypasses?: true;
}

export class Splices {
  readonly #log: Log;
  readonly #outside: 'near' | 'far';
  /** At once, of all servers together. What comes on top is reset. */
  readonly #room: number;
  readonly #near = new Set<Socket>();
  readonly #far = new Set<Resettable>();
  /** Clients, of servers that bypass the sandbox. */
  readonly #bypassing = new Set<Socket>();
  /** Clients whose far end is dialled. */
  readonly #joining = new Set<Promise<void>>();
  readonly #lateResets = new LateResets();

  /** @param outside which end is not in the sandbox: those who connect to the servers are near */
  constructor(log: Log, outside: 'near' | 'far', room = roomForConnections()) {
    this.#log = log;
    this.#room = room;
    this.#outside = outside;
  }

  /** A server that is to listen yet. */
  server(options: SpliceOptions): Server {
    const server = createServer({ allowHalfOpen: true, noDelay: true, keepAlive: true });
    server.on('connection', (near: Socket) => this.#connected(near, options));
    server.on('error', ({ message }) => this.#log.debug(`${options.label}: ${message}`));
    return server;
  }

  /** Ends all connections, when the sandbox has ended; the servers are closed before, by whoever has them. */
  async close(): Promise<void> {
    for (const near of this.#bypassing) reset(near);
    const outside = this.#outside === 'near' ? this.#near : this.#far;
    const late = setTimeout(() => this.#cut(), LAST_BYTES_TIMEOUT_MS);
    await Promise.all(this.#joining);
    await Promise.all([...outside].map(finished));
    clearTimeout(late);
    this.#cut();
  }

  #cut(): void {
    for (const socket of [...this.#near, ...this.#far]) {
      // With a FIN, what was cut off would be complete.
      if (socket instanceof Socket && this.#lateResets.has(socket)) reset(socket);
      else socket.destroy();
    }
  }

  #connected(near: Socket, options: SpliceOptions): void {
    // Either end may stay for a while without the other.
    if (Math.max(this.#near.size, this.#far.size) >= this.#room) {
      this.#log.info(`${options.label}: reset, ${this.#room} connections are open`);
      reset(near);
      return;
    }
    const gone = new AbortController();
    this.#near.add(near);
    near.on('error', () => {}); // `close` follows
    near.once('close', () => this.#near.delete(near));
    if (options.bypasses) {
      this.#bypassing.add(near);
      near.once('close', () => this.#bypassing.delete(near));
    }
    const giveUp = (): void => gone.abort();
    near.once('close', giveUp);
    const joining = this.#join(near, gone.signal, options)
      .catch((error: unknown) => {
        if (gone.signal.aborted) return;
        this.#log.info(`${options.label}: ${error instanceof Error ? error.message : String(error)}`);
        reset(near);
      })
      .finally(() => {
        // To abort costs more than all the rest of a connection's end.
        near.off('close', giveUp);
        this.#joining.delete(joining);
      });
    this.#joining.add(joining);
  }

  async #join(near: Socket, gone: AbortSignal, { dial, preface, label }: SpliceOptions): Promise<void> {
    const first = preface?.(near);
    const states = await openSocketStates();
    // It is read from the start.
    if (!near.destroyed) states.inlineUrgent(fdOf(near));
    const far = await dial(gone);
    if (near.destroyed) {
      far.destroy();
      return;
    }
    // Taken and lost in one turn.
    if (far.errored !== null) throw far.errored;
    if (far instanceof Socket) states.inlineUrgent(fdOf(far));
    this.#far.add(far);
    far.once('close', () => this.#far.delete(far));
    this.#log.debug(`${label}: connection`);
    if (first !== undefined) far.write(first);
    this.#carry(near, far, states);
    this.#carry(far, near, states);
  }

  /** What comes from one end, and then its end, to the other. */
  #carry(from: Resettable, to: Resettable, states: SocketStates): void {
    let isOver = false;
    const broken = (error: Error): void => {
      if (isOver) return;
      isOver = true;
      from.unpipe(to);
      to.unpipe(from);
      // What Node has read ahead outlives the connection.
      for (let chunk: unknown = from.read(); chunk !== null; chunk = from.read()) to.write(chunk);
      from.destroy();
      this.#resetAfter(error, to, states);
    };
    const resets =
      from instanceof Socket
        ? new Resets(from, states.errnoOf, (error) => {
            // Nothing is written any more, so nothing is taken for it either.
            to.unpipe(from);
            // Else it is told behind the last of what can be read, if that is read at all.
            if (from.readableEnded) queueMicrotask(() => broken(error));
            else whenStandingStill(from, () => broken(error));
          })
        : undefined;
    from.on('error', broken);
    const ended = (): void => {
      const error = resets?.behindEnd;
      if (error === undefined) to.end();
      else broken(error);
    };
    // Who says nothing and closes, to see whether a port is open, has ended before the far end is there.
    if (from.readableEnded) ended();
    else from.once('end', ended);
    from.pipe(to, { end: false });
  }

  #resetAfter(error: Error, socket: Resettable, { unsentOf }: SocketStates): void {
    const isLost = error instanceof RemoteStreamError && error.reason !== 'reset';
    if (socket instanceof Socket && !isLost) this.#lateResets.add(socket, unsentOf);
    else reset(socket);
  }
}

/** All that is written to it has left, and its FIN. */
function finished(socket: Resettable): Promise<void> {
  return new Promise((resolve) => {
    if (socket.writableFinished || socket.destroyed) resolve();
    else socket.once('finish', resolve).once('close', () => resolve());
  });
}

/** Calls back once nothing was read of it for too long; never where it closes before. */
function whenStandingStill(socket: Socket, callback: () => void): void {
  let { bytesRead } = socket;
  const timer = setInterval(() => {
    if (socket.bytesRead === bytesRead) callback();
    ({ bytesRead } = socket);
  }, LINGER_TIMEOUT_MS).unref();
  socket.once('close', () => clearInterval(timer));
}
