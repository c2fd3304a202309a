/** HTTP/1.1 (80), HTTP/2 without TLS (8080) and both with it (443). */

import { once } from 'node:events';
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import http2, { type Http2ServerRequest, type Http2ServerResponse } from 'node:http2';
import type { Server } from 'node:net';

export interface Pair {
  readonly cert: string;
  readonly key: string;
}

/** What `/big` has. */
export const BIG_BYTES = 8 << 20;
/** In MB. Node's own limit ends streams where a session has a few large answers to send. */
const HTTP2 = { maxSessionMemory: 1000 };

export async function listenEverywhere(server: Server, port: number): Promise<void> {
  server.listen(port, '::');
  await once(server, 'listening');
}

export async function serveHttp(tls: Pair): Promise<void> {
  await listenEverywhere(http.createServer(answer), 80);
  await listenEverywhere(http2.createServer(HTTP2, answer), 8080);
  await listenEverywhere(http2.createSecureServer({ ...tls, ...HTTP2, allowHTTP1: true }, answer), 443);
}

/** `/big` is large; a POST is told how much it was; anything else is greeted. */
function answer(
  request: IncomingMessage | Http2ServerRequest,
  response: ServerResponse | Http2ServerResponse,
): void {
  let bytes = 0;
  request.on('data', ({ length }: Buffer) => (bytes += length));
  request.on('end', () => {
    const says = request.method === 'POST' ? `had ${bytes}` : `HTTP/${request.httpVersion}`;
    const body = request.url === '/big' ? Buffer.alloc(BIG_BYTES, 'x') : Buffer.from(says);
    response.writeHead(200, { 'content-length': body.length });
    (response as ServerResponse).end(body);
  });
}
