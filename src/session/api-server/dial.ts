/** Connections from the host to an API server, as kubectl would make them there. */

import { connect, type Socket } from 'node:net';
import { type ServerTrust, tunnelFor } from '../../cluster/index.ts';
import type { HostDial } from './host-stream.ts';

/** The kernel would try for two minutes; who waits for an API server wants to know sooner. */
const CONNECT_TIMEOUT_MS = 15_000;

/** Dials by the host's resolver and routes. The signal gives up the attempt, and does nothing afterwards. */
export function dialTcp(host: string, port: number): HostDial {
  return (signal) =>
    new Promise<Socket>((resolve, reject) => {
      const socket = connect({ host, port, allowHalfOpen: true, noDelay: true, keepAlive: true });
      const giveUp = (): void => void socket.destroy(new Error('given up'));
      socket.setTimeout(CONNECT_TIMEOUT_MS, () => socket.destroy(timeout(host, port)));
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

/** Through a proxy, which resolves the name. The tunnel has a limit of its own. */
export function dialThrough(proxy: URL, host: string, port: number, trust: ServerTrust): HostDial {
  return (signal) => tunnelFor(trust, proxy, { host, port }, signal);
}

function timeout(host: string, port: number): Error {
  const seconds = CONNECT_TIMEOUT_MS / 1000;
  return Object.assign(new Error(`${host}:${port} did not answer within ${seconds} s`), {
    code: 'ETIMEDOUT',
  });
}
