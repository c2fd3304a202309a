/**
 * To a server on the host's loopback. Which of its two addresses a server is on
 * depends on its system and its mood, and clients of `localhost` never notice:
 * so either serves for the other.
 */

import type { Socket } from 'node:net';
import { dialTcp, type HostDial } from '../../egress/index.ts';
import { LOOPBACK, type Loopback } from '../addresses.ts';
import { codeOf } from '../../system-error.ts';

/** @param first of the two, the one to be tried before the other */
export function dialHostLoopback(port: number, first: Loopback = LOOPBACK[0]): HostDial {
  const other = first === LOOPBACK[0] ? LOOPBACK[1] : LOOPBACK[0];
  return async (signal, reader): Promise<Socket> => {
    try {
      return await dialTcp(first, port)(signal, reader);
    } catch (error) {
      const isElsewhere = ['ECONNREFUSED', 'EADDRNOTAVAIL', 'ENETUNREACH', 'EAFNOSUPPORT'].includes(
        codeOf(error),
      );
      if (!isElsewhere || signal.aborted) throw error;
      // What the first one said counts, unless the second one takes it.
      return dialTcp(other, port)(signal, reader).catch(() => Promise.reject(error));
    }
  };
}
