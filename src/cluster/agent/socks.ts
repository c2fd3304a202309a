/** A connection through a SOCKS5 proxy (RFC 1928), with name and password where the URL has them (RFC 1929). */
import type { Socket } from 'node:net';
import { SocksClient } from 'socks';
import { bareHost } from './proxy-choice.ts';
import type { Destination } from './tunnel.ts';

const DEFAULT_PORT = 1080;

export async function connectBySocks(
  proxy: URL,
  { host, port }: Destination,
  timeoutMs: number,
): Promise<Socket> {
  const { username, password } = proxy;
  const { socket } = await SocksClient.createConnection({
    proxy: {
      host: bareHost(proxy),
      port: Number(proxy.port || DEFAULT_PORT),
      type: 5,
      ...(username === ''
        ? {}
        : { userId: decodeURIComponent(username), password: decodeURIComponent(password) }),
    },
    command: 'connect',
    destination: { host, port },
    timeout: timeoutMs,
  });
  return socket;
}
