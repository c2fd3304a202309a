/**
 * Connections that are made in the sandbox's own network, by this process: what
 * takes them there, on 127.0.0.1 as on any other address of the sandbox, sees
 * one of its own. The kernel carries them over its loopback, and the stack has
 * no part in it.
 */

import { createSocket, type Socket as DatagramSocket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv6, type OnReadOpts, Socket } from 'node:net';
import type { InsideAddress } from './listen.ts';
import { type InsideSockets, orClose } from './sockets.ts';

/** The kernel's loopback answers at once, unless the program's backlog is full. */
const CONNECT_TIMEOUT_MS = 15_000;

export interface ConnectOptions {
  /** Gives the attempt up, and does nothing afterwards. */
  readonly signal?: AbortSignal;
  /** Gets what comes in place of the socket's `data` events. */
  readonly onread?: OnReadOpts;
}

/**
 * Connects by TCP; the socket is half-open where its other end is.
 *
 * @throws what connect(2) says; HelperGone and HelperRefused where there is no socket for it
 */
export async function connectInside(
  sockets: InsideSockets,
  { address, port }: InsideAddress,
  { signal, onread }: ConnectOptions = {},
): Promise<Socket> {
  signal?.throwIfAborted();
  const fd = await sockets.take(isIPv6(address) ? 'tcp6' : 'tcp4');
  // Paused, since there is nothing to read before it is connected; `connect` lets it go.
  const options = { fd, allowHalfOpen: true, pauseOnCreate: true, ...(onread && { onread }) };
  const socket = orClose(fd, () => new Socket(options));
  return new Promise((resolve, reject) => {
    const giveUp = (): void => void socket.destroy(new Error('given up'));
    const timeout = (): void => {
      const error = new Error(
        `${address} port ${port} did not take the connection within ${CONNECT_TIMEOUT_MS / 1000} s`,
      );
      socket.destroy(Object.assign(error, { code: 'ETIMEDOUT' }));
    };
    socket.setTimeout(CONNECT_TIMEOUT_MS, timeout).setNoDelay().setKeepAlive(true);
    socket.once('error', reject);
    socket.once('close', () => signal?.removeEventListener('abort', giveUp));
    socket.connect({ host: address, port }, () => {
      signal?.removeEventListener('abort', giveUp);
      socket.setTimeout(0).off('timeout', timeout).off('error', reject);
      resolve(socket);
    });
    if (signal?.aborted) giveUp();
    else signal?.addEventListener('abort', giveUp);
  });
}

/** Or as much of it as net.core.rmem_max allows: what comes while this process is busy elsewhere waits in the kernel. */
const RECEIVE_BUFFER_BYTES = 4 << 20;

/** A UDP socket of the version that the address has, to be bound or connected. */
export function datagramSocketFor(address: string): DatagramSocket {
  return createSocket({ type: isIPv6(address) ? 'udp6' : 'udp4', recvBufferSize: RECEIVE_BUFFER_BYTES });
}

/** A UDP socket that sends to there and receives from there. @throws what connect(2) says; HelperGone, HelperRefused */
export async function datagramsInside(
  sockets: InsideSockets,
  { address, port }: InsideAddress,
): Promise<DatagramSocket> {
  const fd = await sockets.take(isIPv6(address) ? 'udp6' : 'udp4');
  const socket = datagramSocketFor(address);
  orClose(fd, () => socket.bind({ fd, exclusive: true }));
  return connectDatagrams(socket, { address, port });
}

/** The same socket, which sends to there and receives from there; closed where it can't. @throws what connect(2) says */
export async function connectDatagrams(
  socket: DatagramSocket,
  { address, port }: InsideAddress,
): Promise<DatagramSocket> {
  try {
    socket.connect(port, address);
    await once(socket, 'connect');
  } catch (error) {
    socket.close();
    throw error;
  }
  return socket;
}
