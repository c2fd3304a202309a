/**
 * One question to one server, over UDP, and over TCP where the answer does not
 * fit (RFC 1035 4.2, RFC 7766).
 *
 * Each question has a socket, and so a source port, of its own and an id that
 * nobody can foresee (RFC 5452). The socket is connected: the kernel drops what
 * comes from elsewhere, and tells at once that nobody listens. What comes from
 * there and answers something else is passed over, and the wait goes on.
 */

import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { dialTcp } from '../tcp/dial.ts';
import { idOf, isAnswerTo, isTruncated, withId } from './message.ts';
import type { NameServer } from './resolver-config.ts';

const IDS = 0x10000;
const LENGTH_PREFIX = 2;

/** @returns the answer, with the query's id. Rejects where there is no way, and when it is given up */
export async function exchange(
  server: NameServer,
  query: Uint8Array,
  tcpOnly: boolean,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const asked = withId(query, randomInt(IDS));
  const answer = tcpOnly ? undefined : await overUdp(server, asked, signal);
  const whole =
    answer === undefined || isTruncated(answer) ? await overTcp(server, asked, signal, answer) : answer;
  return withId(whole, idOf(query));
}

function overUdp({ address, port }: NameServer, query: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const socket = createSocket({ type: isIPv6(address) ? 'udp6' : 'udp4' });
    const settle = (): void => {
      signal.removeEventListener('abort', onAbort);
      socket.close();
    };
    const onAbort = (): void => {
      settle();
      reject(new Error('given up'));
    };
    signal.addEventListener('abort', onAbort);
    socket.on('error', (error) => {
      settle();
      reject(error);
    });
    socket.on('message', (message) => {
      if (!isAnswerTo(query, message)) return;
      settle();
      resolve(message);
    });
    // Without a callback, what stands in the way (no IPv6 here) is an `error` like any other.
    socket.once('connect', () => socket.send(query));
    socket.connect(port, address);
  });
}

/** @param truncated what UDP had: better than nothing where the server has no TCP */
async function overTcp(
  { address, port }: NameServer,
  query: Uint8Array,
  signal: AbortSignal,
  truncated: Uint8Array | undefined,
): Promise<Uint8Array> {
  try {
    const socket = await dialTcp(address, port)(signal);
    const onAbort = (): void => void socket.destroy(new Error('given up'));
    signal.addEventListener('abort', onAbort);
    try {
      const head = new Uint8Array(LENGTH_PREFIX);
      new DataView(head.buffer).setUint16(0, query.length);
      socket.write(Buffer.concat([head, query]));
      let received = Buffer.alloc(0);
      for await (const chunk of socket) {
        received = Buffer.concat([received, chunk]);
        if (received.length < LENGTH_PREFIX) continue;
        const end = LENGTH_PREFIX + received.readUInt16BE(0);
        if (received.length < end) continue;
        const answer = received.subarray(LENGTH_PREFIX, end);
        if (isAnswerTo(query, answer)) return answer;
        received = received.subarray(end);
      }
      throw new Error(`${address} has closed the connection`);
    } finally {
      signal.removeEventListener('abort', onAbort);
      socket.destroy();
    }
  } catch (error) {
    if (truncated !== undefined) return truncated;
    throw error;
  }
}
