/**
 * The connections to one API server, and the exchanges on them.
 *
 * One keep-alive agent serves all; an upgrade takes a connection out of it for
 * good. All sockets are known, idle and upgraded ones too, so that `close`
 * leaves none behind.
 */
import http from 'node:http';
import https from 'node:https';
import type { Duplex } from 'node:stream';
import { codeOf } from '../../system-error.ts';
import { agentFor, MAX_IDLE_CONNECTIONS } from '../agent/agent.ts';
import { ClusterError } from '../errors.ts';
import type { Limit } from './limit.ts';

/** What comes first of an answer. */
export type Head =
  | { upgraded: true; socket: Duplex; head: Buffer; headers: http.IncomingHttpHeaders }
  | { upgraded: false; response: http.IncomingMessage };

export class Connections {
  readonly #agent: http.Agent;
  readonly #request: typeof http.request;
  /** Requests that have no answer yet, and answers that are being read. */
  readonly #underWay = new Set<http.ClientRequest | http.IncomingMessage>();
  readonly #sockets = new Set<Duplex>();
  #closed = false;

  constructor(server: URL, proxy: URL | undefined) {
    this.#agent = agentFor(server.protocol, proxy);
    this.#request = server.protocol === 'https:' ? https.request : http.request;
  }

  /** @param body small, and sent at once */
  async send(options: https.RequestOptions, limit: Limit, body?: string): Promise<Head> {
    limit.startClock();
    // A kept-alive connection may be closed by the server in the moment it is
    // used again; that request was not read. The next idle one may be as old.
    for (let left = MAX_IDLE_CONNECTIONS; ; left--) {
      try {
        return await this.#once(options, limit, body);
      } catch (error) {
        if (!(error instanceof StaleConnection) || left === 0) throw error;
      }
    }
  }

  /** Closes what is idle, where it may be dead without having said so. */
  dropIdle(): void {
    for (const sockets of Object.values(this.#agent.freeSockets)) {
      for (const socket of sockets ?? []) socket.destroy();
    }
  }

  /** Ends all connections, upgraded ones too, and waits until their sockets are closed. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const exchange of this.#underWay) exchange.destroy(closedError());
    this.#agent.destroy();
    await Promise.all(
      [...this.#sockets].map(
        (socket) =>
          new Promise((resolve) => {
            socket.once('close', resolve);
            socket.destroy();
          }),
      ),
    );
  }

  #once(options: https.RequestOptions, limit: Limit, body: string | undefined): Promise<Head> {
    if (this.#closed) throw closedError();
    return new Promise((resolve, reject) => {
      const request = this.#request({ agent: this.#agent, ...options });
      this.#track(this.#underWay, request);
      limit.hold(request);
      request.once('socket', (socket) => this.#track(this.#sockets, socket));
      request.once('error', (error) => {
        const code = codeOf(error);
        const stale = request.reusedSocket && (code === 'ECONNRESET' || code === 'EPIPE');
        if (this.#closed) reject(closedError());
        else reject(stale ? new StaleConnection() : error);
      });
      request.once('upgrade', (response, socket, head) => {
        request.setTimeout(0); // the agent's, for connections that are idle
        resolve({ upgraded: true, socket, head, headers: response.headers });
      });
      request.once('response', (response) => {
        // An error in the middle of a body reaches the response, not the request.
        this.#track(this.#underWay, response);
        limit.hold(response);
        resolve({ upgraded: false, response });
      });
      request.end(body);
    });
  }

  #track<T extends NodeJS.EventEmitter>(set: Set<T>, item: T): void {
    if (set.has(item)) return;
    set.add(item);
    item.once('close', () => set.delete(item));
  }
}

class StaleConnection extends Error {}

export function closedError(): ClusterError {
  return new ClusterError('CLUSTER_CLOSED', 'the session has ended', 'start a new one');
}
