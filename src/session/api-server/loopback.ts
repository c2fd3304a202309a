/**
 * An API server on the host's loopback, met on the sandbox's own.
 *
 * A server of ours listens in the sandbox's network namespace, under the same
 * address and port, and joins what connects there to a socket of the host's.
 * Both ends are the kernel's: no packet of these connections meets the stack.
 */

import type { Server } from 'node:net';
import { hostAndPort } from '../../host-and-port.ts';
import type { Log } from '../../observe/log.ts';
import { Splices } from '../../publish/index.ts';
import type { Sandbox } from '../../../sandbox/index.ts';
import { type HostException, loopbackAddresses } from './exceptions.ts';

export class LoopbackServers {
  readonly #log: Log;
  readonly #splices: Splices;
  readonly #servers: Server[] = [];

  constructor(log: Log) {
    this.#log = log;
    this.#splices = new Splices(log, 'far');
  }

  /** Listens where these hosts are met; one that can't be had is told, and the rest goes on. */
  async open(sandbox: Pick<Sandbox, 'listenInside'>, exceptions: readonly HostException[]): Promise<void> {
    const wanted = exceptions.flatMap(({ host, port, dial }) =>
      loopbackAddresses(host).map((address) => ({ address, port, dial })),
    );
    await Promise.all(
      wanted.map(async ({ address, port, dial }) => {
        const where = hostAndPort(address, port);
        const server = this.#splices.server({ label: where, dial: (signal) => dial(signal) });
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

  async close(): Promise<void> {
    for (const server of this.#servers) server.close();
    await this.#splices.close();
  }
}
