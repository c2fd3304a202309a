/** DNS servers on the loopback that do what a test says, over UDP and TCP at the same port. */

import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import dnsPacket, { type Answer, type Packet } from 'dns-packet';
import { onTestFinished } from 'vitest';

export interface Asked {
  readonly query: Packet;
  readonly raw: Buffer;
  readonly transport: 'udp' | 'tcp';
  /** The client's port. */
  readonly port: number;
  reply(message: Uint8Array): void;
}

export interface TestServer {
  readonly port: number;
  readonly asked: Asked[];
  readonly udp: Socket;
}

/** A port of TCP whose number UDP has free as well: not every one has. */
async function samePort(): Promise<{ udp: Socket; tcp: Server; port: number }> {
  for (;;) {
    const tcp = createServer().listen(0, '127.0.0.1');
    await once(tcp, 'listening');
    const { port } = tcp.address() as AddressInfo;
    const udp = createSocket('udp4');
    try {
      const listening = once(udp, 'listening');
      udp.bind(port, '127.0.0.1');
      await listening;
      return { udp, tcp, port };
    } catch {
      tcp.close();
      udp.close();
    }
  }
}

export async function dnsServer(onQuery: (asked: Asked) => void): Promise<TestServer> {
  const { udp, tcp, port } = await samePort();
  const server: TestServer = { port, asked: [], udp };
  const take = (raw: Buffer, transport: Asked['transport'], from: number, reply: Asked['reply']): void => {
    const asked = { query: dnsPacket.decode(raw), raw, transport, port: from, reply };
    server.asked.push(asked);
    onQuery(asked);
  };
  udp.on('message', (raw, { port: from }) =>
    take(raw, 'udp', from, (message) => udp.send(message, from, '127.0.0.1')),
  );
  tcp.on('connection', (socket) => {
    let received = Buffer.alloc(0);
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      if (received.length < 2 || received.length < 2 + received.readUInt16BE()) return;
      take(received.subarray(2), 'tcp', socket.remotePort ?? 0, (message) => {
        const length = Buffer.alloc(2);
        length.writeUInt16BE(message.length);
        // In two pieces, as a network may deliver it.
        socket.write(Buffer.concat([length, message.subarray(0, 1)]));
        socket.write(message.subarray(1));
      });
    });
  });
  onTestFinished(() => {
    udp.close();
    tcp.close();
  });
  return server;
}

export function answerTo(
  { query }: Pick<Asked, 'query'>,
  answers: Answer[],
  more: Partial<Packet> = {},
): Buffer {
  return dnsPacket.encode({
    type: 'response',
    id: query.id ?? 0,
    flags: dnsPacket.RECURSION_DESIRED | dnsPacket.RECURSION_AVAILABLE,
    questions: query.questions ?? [],
    answers,
    ...more,
  });
}

export function a(name: string, address: string, ttl = 60): Answer {
  return { type: 'A', class: 'IN', name, ttl, data: address };
}
