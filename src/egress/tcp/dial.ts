/** TCP connections from the host's network as Node's sockets: to API servers, proxies and DNS servers. */

import { connect, type Socket } from 'node:net';
import { RemoteStreamError } from '../../relay/stream.ts';
import type { ReadBuffer } from './read-buffer.ts';

/** Connects, or rejects with an error that has a `code` of the system's; `signal` gives it up. */
export type HostDial = (signal: AbortSignal, reader?: ReadBuffer) => Promise<Socket>;

/** The kernel would try for two minutes; who waits for an API server or a proxy wants to know sooner. */
const TIMEOUT_MS = 15_000;
/** As direct streams have it (sandbox/native/addon/stream.c); the interval of the probes is Node's. */
const KEEPALIVE_IDLE_MS = 60_000;

/**
 * Dials by the host's resolver and routes. The signal gives up the attempt, and
 * does nothing afterwards. A reader gets what comes in place of the socket's
 * `data` events.
 */
export function dialTcp(host: string, port: number): HostDial {
  return (signal, reader) =>
    new Promise<Socket>((resolve, reject) => {
      const socket = connect({
        host,
        port,
        allowHalfOpen: true,
        noDelay: true,
        keepAlive: true,
        keepAliveInitialDelay: KEEPALIVE_IDLE_MS,
        ...(reader && { onread: reader.attach() }),
      });
      const giveUp = (): void => void socket.destroy(new Error('given up'));
      socket.setTimeout(TIMEOUT_MS, () => socket.destroy(timeout(host, port)));
      socket.once('error', reject);
      socket.once('close', () => signal.removeEventListener('abort', giveUp));
      socket.once('connect', () => {
        signal.removeEventListener('abort', giveUp);
        socket.setTimeout(0);
        socket.off('error', reject);
        resolve(socket);
      });
      if (signal.aborted) giveUp();
      else signal.addEventListener('abort', giveUp);
    });
}

function timeout(host: string, port: number): Error {
  return new RemoteStreamError('timeout', `${host}:${port} did not answer within ${TIMEOUT_MS / 1000} s`);
}
