/**
 * An API server on the host's loopback, met on the sandbox's own.
 *
 * A server of ours listens in the sandbox's network namespace, under the same
 * address and port, and joins what connects there to a socket of the host's.
 * Both ends are the kernel's: no packet of these connections meets the stack.
 */

import { createServer, isIPv6, type Server, type Socket } from 'node:net';
import type { HostDial } from '../../egress/index.ts';
import type { Log } from '../../observe/log.ts';
import type { Sandbox } from '../../../sandbox/index.ts';
import { type HostException, loopbackAddresses } from './exceptions.ts';

/** Connections at once to each address; who needs more is not a tool beside the tests. */
const MAX_CONNECTIONS = 512;

export class LoopbackServers {
  readonly #log: Log;
  readonly #servers: Server[] = [];
  readonly #sockets = new Set<Socket>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** Listens where these hosts are met; one that can't be had is told, and the rest goes on. */
  async open(sandbox: Pick<Sandbox, 'listenInside'>, exceptions: readonly HostException[]): Promise<void> {
    const wanted = exceptions.flatMap(({ host, port, dial }) =>
      loopbackAddresses(host).map((address) => ({ address, port, dial })),
    );
    await Promise.all(
      wanted.map(async ({ address, port, dial }) => {
        const where = `${isIPv6(address) ? `[${address}]` : address}:${port}`;
        const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, (near) => {
          void this.#join(near, dial, where);
        });
        server.maxConnections = MAX_CONNECTIONS;
        server.on('error', ({ message }) => this.#log.debug(`${where}: ${message}`));
        this.#servers.push(server);
        try {
          await sandbox.listenInside(server, { address, port });
        } catch (error) {
          const reason = error instanceof Error ? error.message : String(error);
          // Where the host has no IPv6, `localhost` is its other address.
          const level = address === '::1' ? 'debug' : 'warn';
          this.#log[level](`the API server at ${where} is not reachable inside: ${reason}`);
        }
      }),
    );
  }

  close(): void {
    for (const server of this.#servers) server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  async #join(near: Socket, dial: HostDial, where: string): Promise<void> {
    const gone = new AbortController();
    this.#keep(near);
    near.once('error', () => {}).once('close', () => gone.abort());
    try {
      const far = await dial(gone.signal);
      this.#keep(far);
      if (near.destroyed) far.destroy();
      near.once('error', () => far.resetAndDestroy());
      far.once('error', () => near.resetAndDestroy());
      near.pipe(far);
      far.pipe(near);
    } catch (error) {
      if (gone.signal.aborted) return;
      this.#log.info(`${where}: ${error instanceof Error ? error.message : String(error)}`);
      near.resetAndDestroy();
    }
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
  }
}
