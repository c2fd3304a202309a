/** Proxies of the test's own, on loopback: what they were asked for is written down. */
import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import net, { type AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { onTestFinished } from 'vitest';
import type { Pair } from '../access/authority.ts';

export interface TestProxy {
  readonly port: number;
  /** `host:port` of each connection that was asked for, with the credentials that came along. */
  readonly asked: { readonly authority: string; readonly credentials: string | undefined }[];
  /** Connections through it that are open. */
  readonly open: Set<Duplex>;
}

export interface ConnectOptions {
  /** Whether the way to the proxy is TLS itself. */
  readonly tls?: Pair;
  /** The status that it refuses with. */
  readonly refuse?: number;
  /** Where names lead that no resolver here knows. */
  readonly names?: Readonly<Record<string, string>>;
  /** It takes connections and says nothing. */
  readonly mute?: boolean;
}

export async function connectProxy(options: ConnectOptions = {}): Promise<TestProxy> {
  const server = options.tls ? https.createServer(options.tls) : http.createServer();
  const proxy = await listening(server);
  server.on('connect', (request, client: Duplex) => {
    const authority = request.url ?? '';
    proxy.asked.push({ authority, credentials: request.headers['proxy-authorization'] });
    keep(proxy.open, client);
    if (options.mute) {
      client.on('end', () => client.end()).resume(); // it hears that we leave
      return;
    }
    if (options.refuse !== undefined) {
      client.end(`HTTP/1.1 ${options.refuse} No\r\nContent-Length: 0\r\n\r\n`);
      return;
    }
    const { hostname, port } = new URL(`http://${authority}`);
    splice(client, options.names?.[hostname] ?? hostname, Number(port), () =>
      client.write('HTTP/1.1 200 Connection established\r\n\r\n'),
    );
  });
  return proxy;
}

export interface SocksOptions {
  readonly names?: Readonly<Record<string, string>>;
  /** The user name and password that it wants. */
  readonly login?: readonly [string, string];
  /** The reply code of RFC 1928 section 6 that it refuses with. */
  readonly refuse?: number;
}

/** SOCKS5: greeting, login where one is wanted (RFC 1929), one request. */
export async function socksProxy(options: SocksOptions = {}): Promise<TestProxy> {
  const server = net.createServer({ allowHalfOpen: true }, (client) => {
    keep(proxy.open, client);
    void serveSocks(client, options, proxy).catch(() => client.destroy());
  });
  const proxy = await listening(server);
  return proxy;
}

async function serveSocks(client: net.Socket, options: SocksOptions, proxy: TestProxy): Promise<void> {
  const take = reader(client);
  const [, methodCount = 0] = await take(2);
  const methods = [...(await take(methodCount))];
  let credentials: string | undefined;
  const method = options.login ? 2 : 0;
  if (!methods.includes(method)) {
    client.end(Buffer.from([5, 0xff]));
    return;
  }
  client.write(Buffer.from([5, method]));
  if (options.login) {
    const text = async (): Promise<string> => (await take((await take(1))[0] ?? 0)).toString();
    await take(1);
    credentials = `${await text()}:${await text()}`;
    const accepted = credentials === options.login.join(':');
    client.write(Buffer.from([1, accepted ? 0 : 1]));
    if (!accepted) return;
  }
  const [, , , addressType = 0] = await take(4);
  const host =
    addressType === 3 ? (await take((await take(1))[0] ?? 0)).toString() : [...(await take(4))].join('.');
  const port = (await take(2)).readUInt16BE();
  proxy.asked.push({ authority: `${host}:${port}`, credentials });
  const reply = (code: number): void => {
    client.write(Buffer.from([5, code, 0, 1, 0, 0, 0, 0, 0, 0]));
  };
  if (options.refuse !== undefined) {
    reply(options.refuse);
    client.end();
    return;
  }
  client.pause();
  splice(client, options.names?.[host] ?? host, port, () => reply(0));
}

/** Takes so many bytes from a socket, whatever pieces they come in. */
function reader(socket: net.Socket): (length: number) => Promise<Buffer> {
  return async (length) => {
    for (;;) {
      const chunk: Buffer | null = length === 0 ? Buffer.alloc(0) : socket.read(length);
      if (chunk) return chunk;
      await once(socket, 'readable');
    }
  };
}

function splice(client: Duplex, host: string, port: number, connected: () => void): void {
  const server = net.connect({ port, host, allowHalfOpen: true }, () => {
    connected();
    client.pipe(server).pipe(client);
  });
  server.on('error', () => client.destroy());
  server.on('close', () => client.destroy());
  client.on('close', () => server.destroy());
}

function keep(set: Set<Duplex>, socket: Duplex): void {
  set.add(socket);
  socket.on('error', () => {}); // the client may be gone before what we say
  socket.once('close', () => set.delete(socket));
}

async function listening(server: net.Server): Promise<TestProxy> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const proxy: TestProxy = { port, asked: [], open: new Set() };
  onTestFinished(async () => {
    for (const socket of proxy.open) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return proxy;
}
