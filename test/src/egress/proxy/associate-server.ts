/** A SOCKS5 proxy for datagrams (RFC 1928, 7). */

import { createSocket, type Socket as DatagramSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

export interface AssociateServer {
  readonly port: number;
  /** Connections that an association lives by. */
  readonly controls: Set<Socket>;
  /** `address:port` of each datagram. */
  readonly relayed: string[];
  /** Ports that datagrams came from. */
  readonly clients: Set<number>;
  /** Where datagrams are sent to. */
  readonly relay: DatagramSocket;
}

export interface AssociateOptions {
  /** Of the request: 0 takes it. */
  readonly reply?: number;
  /** What it says of its address, with the type in front (RFC 1928, 6): 0.0.0.0 as many do, if nothing else is said. */
  readonly bound?: readonly number[];
}

const HEAD_BYTES = 10;

export async function associateServer({
  reply = 0,
  bound = [1, 0, 0, 0, 0],
}: AssociateOptions = {}): Promise<AssociateServer> {
  const relay = createSocket('udp4');
  relay.bind(0, '127.0.0.1');
  await once(relay, 'listening');
  const [controls, clients, relayed] = [new Set<Socket>(), new Set<number>(), [] as string[]];
  let closed = false;
  relay.on('close', () => {
    closed = true;
  });
  relay.on('message', (message, { port: client }) => {
    const address = [...message.subarray(4, 8)].join('.');
    const port = message.readUInt16BE(8);
    clients.add(client);
    relayed.push(`${address}:${port}`);
    const out = createSocket('udp4');
    onTestFinished(() => void out.close());
    out.send(message.subarray(HEAD_BYTES), port, address);
    out.on('message', (answer, from) => {
      message.writeUInt16BE(from.port, 8);
      const fragment = Buffer.from(message.subarray(0, HEAD_BYTES));
      fragment[2] = 1;
      // A fragment goes ahead, which nobody has to understand.
      relay.send(Buffer.concat([fragment, Buffer.from('half')]), client, '127.0.0.1');
      relay.send(Buffer.concat([message.subarray(0, HEAD_BYTES), answer]), client, '127.0.0.1');
    });
  });
  const server = createServer((socket) => {
    controls.add(socket);
    socket.on('error', () => {}).on('close', () => controls.delete(socket));
    socket.once('data', () => {
      socket.write(Uint8Array.of(5, 0));
      socket.once('data', () => {
        const { port } = relay.address();
        socket.write(Uint8Array.of(5, reply, 0, ...bound, port >> 8, port & 255));
      });
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    for (const socket of controls) socket.destroy();
    server.close();
    if (!closed) relay.close();
  });
  return { port: (server.address() as AddressInfo).port, controls, relayed, clients, relay };
}
