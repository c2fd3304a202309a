/**
 * The control socket of one sandbox: answers who asks for it by its name.
 *
 * Its directory lets nobody else in; who gets there all the same is told by the
 * kernel, and refused (peer.ts). What comes in is bounded: connections by number,
 * requests by length and time.
 *
 * A connection that has joined stands for a command, whose end shows in its end.
 * At the end of the sandbox those connections are ended first, and waited for:
 * when `down` sees its own end, all is gone.
 */

import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { isActionable } from '../errors.ts';
import { NO_TRAFFIC, type StandingSession } from '../session/standing.ts';
import { notReady } from './errors.ts';
import type { LoggedLine, LogRing } from './log-ring.ts';
import { admitClient } from './peer.ts';
import { readLines, type Reply, type Request, send, type Status } from './protocol.ts';
import type { Claim } from './registry.ts';
import type { Environment } from './state-directory.ts';

/** Commands, and those who follow the log. */
const MAX_CONNECTIONS = 1_024;
/** A client sends its request as soon as it is connected. */
const REQUEST_TIMEOUT_MS = 10_000;
/** Of a reader of the log who does not read. */
const MAX_BACKLOG_BYTES = 4 * 1024 * 1024;
/** A client takes some milliseconds to end its command. */
const LAST_COMMANDS_TIMEOUT_MS = 5_000;

export interface ControlOptions {
  readonly claim: Claim;
  readonly log: LogRing;
  /** Asked to end while there is no session yet. */
  readonly giveUp: () => void;
}

export class ControlServer {
  readonly #options: ControlOptions;
  readonly #server: Server;
  readonly #since = new Date().toISOString();
  readonly #connections = new Set<Socket>();
  readonly #commands = new Set<Socket>();
  #session: StandingSession | undefined;
  #ending = false;

  private constructor(options: ControlOptions) {
    this.#options = options;
    this.#server = createServer((socket) => this.#connected(socket));
    this.#server.maxConnections = MAX_CONNECTIONS;
  }

  static async listen(options: ControlOptions): Promise<ControlServer> {
    const control = new ControlServer(options);
    control.#server.listen(options.claim.socketPath);
    await once(control.#server, 'listening');
    // A client that waits is no reason to go on.
    control.#server.unref();
    return control;
  }

  /** Of the claim. */
  get directory(): string {
    return this.#options.claim.directory;
  }

  /** From now on it can be joined. */
  attend(session: StandingSession): void {
    this.#session = session;
  }

  /** When the session is over: the name is free before who waits for its end is told. */
  async close(): Promise<void> {
    this.#ending = true;
    this.#server.close();
    await this.#endCommands();
    this.#options.claim.release();
    for (const socket of this.#connections) socket.end();
  }

  async #endCommands(): Promise<void> {
    const sockets = [...this.#commands];
    const late = setTimeout(() => {
      for (const socket of sockets) socket.destroy();
    }, LAST_COMMANDS_TIMEOUT_MS);
    await Promise.all(sockets.map(closed));
    clearTimeout(late);
  }

  #connected(socket: Socket): void {
    this.#connections.add(socket);
    socket.setTimeout(REQUEST_TIMEOUT_MS, () => socket.destroy());
    socket.on('error', () => {}); // a client that is gone: `close` follows
    socket.on('close', () => this.#connections.delete(socket));
    // What is sent meanwhile waits in the socket.
    admitClient(socket).then(
      () => this.#attendTo(socket),
      (error: unknown) => this.#refuse(socket, error),
    );
  }

  #refuse(socket: Socket, error: unknown): void {
    if (isActionable(error)) this.#options.log.add(`refused: ${error.message}`);
    fail(socket, error);
  }

  #attendTo(socket: Socket): void {
    readLines(socket, (line) => {
      socket.setTimeout(0);
      const request = parseRequest(line);
      if (request === undefined) socket.destroy();
      else void this.#serve(socket, request).catch((error: unknown) => fail(socket, error));
    });
  }

  async #serve(socket: Socket, request: Request): Promise<void> {
    switch (request.kind) {
      case 'status':
        answer(socket, { kind: 'status', ...this.#status() });
        return;
      case 'logs':
        this.#tellLog(socket, request.follow);
        return;
      case 'down':
        if (this.#session === undefined) this.#options.giveUp();
        else this.#session.end();
        return;
      case 'join':
        await this.#join(socket, request.environment);
    }
  }

  #status(): Status {
    const { summary = [] } = this.#session ?? {};
    return {
      pid: process.pid,
      state: this.#session === undefined ? 'starting' : 'running',
      since: this.#since,
      contexts: summary.map(({ context, namespaces, selection }) => ({ context, namespaces, selection })),
      commands: this.#commands.size,
      traffic: this.#session?.traffic() ?? NO_TRAFFIC,
      published: this.#session?.publishedPorts() ?? [],
    };
  }

  #tellLog(socket: Socket, follow: boolean): void {
    const { log } = this.#options;
    for (const line of log.lines) send(socket, { kind: 'line', ...line });
    if (!follow) {
      socket.end();
      return;
    }
    const listener = (line: LoggedLine) => {
      if (socket.writableLength > MAX_BACKLOG_BYTES) socket.destroy();
      else send(socket, { kind: 'line', ...line });
    };
    socket.on('close', log.listen(listener));
  }

  async #join(socket: Socket, caller: Environment): Promise<void> {
    const session = this.#session;
    if (session === undefined || this.#ending) throw notReady(this.#options.claim.name);
    const [environment, namespaces] = await Promise.all([session.environment(caller), session.namespaces()]);
    if (socket.destroyed) return;
    this.#commands.add(socket);
    socket.on('close', () => this.#commands.delete(socket));
    const { netAdmin } = session;
    send(socket, { kind: 'joined', namespaces, netAdmin, environment });
  }
}

/** Says that it is over, and waits for the other end to have done with it. */
function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.once('close', () => resolve());
    socket.end();
  });
}

function parseRequest(line: string): Request | undefined {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

/** The one thing that was asked for. */
function answer(socket: Socket, reply: Reply): void {
  send(socket, reply);
  socket.end();
}

function fail(socket: Socket, error: unknown): void {
  const { code, message, remedy } = isActionable(error)
    ? error
    : {
        code: 'JOIN_FAILED',
        message: `the sandbox can't be joined: ${String(error)}`,
        remedy: 'end it by kns-rootless down, and start it again',
      };
  answer(socket, { kind: 'failed', code, message, remedy });
}
