/** An API server on loopback that writes down who asks, and says yes to everybody. */
import { once } from 'node:events';
import type http from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { onTestFinished } from 'vitest';
import type { Authority, Pair } from './authority.ts';

export interface Recorded {
  /** Without the query. */
  readonly path: string;
  /** `name: value` of the headers that say whose the request is, in order of name. */
  readonly identity: readonly string[];
  /** The common name of the client certificate, '' for none. */
  readonly commonName: string;
  readonly sessionReused: boolean;
  readonly servername: string;
  /** Which connection it came on, counted from 1. */
  readonly connection: number;
}

export interface RecordingServer {
  readonly port: number;
  readonly url: string;
  readonly requests: Recorded[];
  /** What it answers, where that is not 200. */
  refuse: (request: http.IncomingMessage) => number | undefined;
  /** Other certificates for connections from now on. */
  present(pair: Pair): void;
}

const IDENTITY = /^(authorization|impersonate-.*)$/i;

export async function recordingServer(authority: Authority, pair: Pair): Promise<RecordingServer> {
  const requests: Recorded[] = [];
  let connections = 0;
  const numbers = new WeakMap<object, number>();
  const server = https.createServer(
    { ...pair, ca: authority.ca, requestCert: true, rejectUnauthorized: false },
    (request, response) => {
      const socket = request.socket as TLSSocket;
      const pairs = request.rawHeaders.flatMap((name, index) =>
        index % 2 === 0 && IDENTITY.test(name)
          ? [`${name.toLowerCase()}: ${request.rawHeaders[index + 1]}`]
          : [],
      );
      const subject = socket.getPeerCertificate().subject as { CN?: string } | undefined;
      requests.push({
        path: (request.url ?? '').replace(/\?.*/, ''),
        identity: pairs.sort(),
        commonName: subject?.CN ?? '',
        sessionReused: socket.isSessionReused(),
        servername: (socket as { servername?: string | false }).servername || '',
        connection: numbers.get(socket) ?? 0,
      });
      response.setHeader('Content-Type', 'application/json');
      response.statusCode = recording.refuse(request) ?? 200;
      response.end('{"major":"1","minor":"32","gitVersion":"v1.32.0"}');
    },
  );
  server.on('secureConnection', (socket) => numbers.set(socket, ++connections));
  server.on('tlsClientError', () => {}); // what the client makes of it is what tests look at
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo;
  const recording: RecordingServer = {
    port,
    url: `https://127.0.0.1:${port}`,
    requests,
    refuse: () => undefined,
    present: (other) => server.setSecureContext({ ...other, ca: authority.ca }),
  };
  return recording;
}
