/** Sockets for both ends: what listens, what connects, and what becomes of it. */

import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';

export interface Listening {
  readonly server: Server;
  readonly port: number;
}

/** A server on the loopback that does this with each connection. */
export async function listening(onConnection: (socket: Socket) => void): Promise<Listening> {
  const server = createServer({ allowHalfOpen: true }, onConnection);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a TCP server's address is no path
  return { server, port: (server.address() as AddressInfo).port };
}

/** A port that nobody listens on. */
export async function closedPort(): Promise<number> {
  const { server, port } = await listening(() => {});
  server.close();
  await once(server, 'close');
  return port;
}
