/**
 * Proxies: SOCKS5 (1080) for streams and datagrams, HTTP CONNECT without TLS
 * (3128) and with it (3129). They resolve names by a table of their own, and tell
 * what they were asked for.
 */

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import net, { type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Pair } from './http.ts';
import { listenEverywhere } from './http.ts';

const FAR = '192.0.2.2';
/** Behind the proxies, `web.example` is the far host's loopback: who got there came by a proxy. */
const NAMES: Readonly<Record<string, string>> = { 'web.example': '127.0.0.1' };
const DATAGRAM_HEAD_BYTES = 10;

type Tell = (what: object) => void;

export async function serveProxies(tls: Pair, tell: Tell): Promise<void> {
  const relayPort = await serveRelay(tell);
  await listenEverywhere(
    net.createServer({ allowHalfOpen: true }, (client) => {
      serveSocks(client, relayPort, tell).catch(() => client.destroy());
    }),
    1080,
  );
  for (const [server, port] of [
    [http.createServer(), 3128],
    // Each end of a tunnel closes by itself, which Node's own default would not have.
    [https.createServer({ ...tls, allowHalfOpen: true } as https.ServerOptions), 3129],
  ] as const) {
    server.on('connect', (request, client: Duplex) => {
      const { hostname, port: wanted } = new URL(`http://${request.url}`);
      tell({ proxy: port, authority: request.url });
      splice(client, hostname, Number(wanted), (isThere) =>
        client.write(`HTTP/1.1 ${isThere ? '200 Established' : '502 Bad Gateway'}\r\n\r\n`),
      );
    });
    await listenEverywhere(server, port);
  }
}

/** RFC 1928: no login, CONNECT or UDP ASSOCIATE. */
async function serveSocks(client: Socket, relayPort: number, tell: Tell): Promise<void> {
  client.on('error', () => {});
  const [, methods] = await take(client, 2);
  await take(client, methods);
  client.write(Uint8Array.of(5, 0));
  const [, command, , type] = await take(client, 4);
  const host =
    type === 3
      ? (await take(client, (await take(client, 1))[0])).toString()
      : addressText(await take(client, type === 1 ? 4 : 16));
  const port = (await take(client, 2)).readUInt16BE();
  const reply = (code: number, bound = 0): void =>
    void client.write(Uint8Array.of(5, code, 0, 1, 0, 0, 0, 0, bound >> 8, bound & 255));
  if (command === 3) {
    reply(0, relayPort);
    client.on('end', () => client.end()).resume();
    return;
  }
  tell({ proxy: 1080, authority: `${host}:${port}` });
  splice(client, host, port, (isThere) => reply(isThere ? 0 : 5));
}

function addressText(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join('.');
  return Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(i * 2).toString(16)).join(':');
}

async function take(socket: Socket, length: number): Promise<Buffer> {
  for (;;) {
    const chunk: Buffer | null = length === 0 ? Buffer.alloc(0) : socket.read(length);
    if (chunk !== null) return chunk;
    await once(socket, 'readable');
  }
}

/** Datagrams to IPv4 addresses, each from a port of its own (RFC 1928, 7). */
async function serveRelay(tell: Tell): Promise<number> {
  const relay = createSocket('udp4');
  relay.bind(0, FAR);
  await once(relay, 'listening');
  relay.on('message', (message, { address: client, port: clientPort }) => {
    const head = message.subarray(0, DATAGRAM_HEAD_BYTES);
    const [address, port] = [head.subarray(4, 8).join('.'), head.readUInt16BE(8)];
    tell({ proxy: 'udp', authority: `${address}:${port}` });
    const out = createSocket('udp4');
    out.once('message', (answer) => {
      relay.send(Buffer.concat([head, answer]), clientPort, client);
      out.close();
    });
    out.send(message.subarray(DATAGRAM_HEAD_BYTES), port, address);
  });
  return relay.address().port;
}

function splice(client: Duplex, host: string, port: number, answer: (isThere: boolean) => void): void {
  const server = net.connect({
    port,
    host: NAMES[host] ?? host.replaceAll(/[[\]]/g, ''),
    allowHalfOpen: true,
  });
  server.once('connect', () => {
    answer(true);
    server.off('error', refuse).on('error', () => client.destroy());
    client.pipe(server).pipe(client);
  });
  const refuse = (): void => {
    answer(false);
    client.end();
  };
  server.once('error', refuse);
  client.on('error', () => server.destroy()).on('close', () => server.destroy());
}
