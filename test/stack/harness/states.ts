/**
 * A connection in each state of RFC 9293 3.3.2, on the shortest way there, with
 * nothing left to look at. LISTEN is no state here: the stack listens on
 * everything, and a SYN waits as a request.
 */
import type { StateName, TcpConnection } from '../../../stack/index.ts';
import type { Harness } from './harness.ts';
import { GUEST, SERVICE } from './packets.ts';

export interface Entered {
  connection: TcpConnection;
  /** RCV.NXT, SND.UNA and SND.NXT, counted from each side's initial number. */
  rcvNxt: number;
  sndUna: number;
  sndNxt: number;
}

export const STATES: Readonly<Record<StateName, (h: Harness) => Entered>> = {
  CLOSED: (h) => {
    const connection = h.establish();
    h.guest('R seq=1');
    return { connection, rcvNxt: 1, sndUna: 1, sndNxt: 1 };
  },
  'SYN-SENT': (h) => {
    const connection = dial(h);
    h.poll();
    h.sends('S seq=0 mss=1460 ws=7 sackok=1');
    return { connection, rcvNxt: 0, sndUna: 0, sndNxt: 1 };
  },
  'SYN-RECEIVED': (h) => {
    h.guest('S seq=0 mss=1460 ws=7');
    const connection = h.request().accept();
    h.poll();
    h.sends('SA seq=0 ack=1 mss=1460 ws=7');
    return { connection, rcvNxt: 1, sndUna: 0, sndNxt: 1 };
  },
  ESTABLISHED: (h) => ({ connection: h.establish(), rcvNxt: 1, sndUna: 1, sndNxt: 1 }),
  'FIN-WAIT-1': (h) => {
    const connection = h.establish();
    connection.finish();
    h.poll();
    h.sends('FA ack=1');
    return { connection, rcvNxt: 1, sndUna: 1, sndNxt: 2 };
  },
  'FIN-WAIT-2': (h) => {
    const entered = STATES['FIN-WAIT-1'](h);
    h.guest('A seq=1 ack=2');
    return { ...entered, sndUna: 2 };
  },
  'CLOSE-WAIT': (h) => {
    const connection = h.establish();
    h.guest('FA seq=1 ack=1');
    h.sends('A ack=2');
    return { connection, rcvNxt: 2, sndUna: 1, sndNxt: 1 };
  },
  CLOSING: (h) => {
    const entered = STATES['FIN-WAIT-1'](h);
    h.guest('FA seq=1 ack=1');
    h.sends('A ack=2');
    return { ...entered, rcvNxt: 2 };
  },
  'LAST-ACK': (h) => {
    const entered = STATES['CLOSE-WAIT'](h);
    entered.connection.finish();
    h.poll();
    h.sends('FA ack=2');
    return { ...entered, sndNxt: 2 };
  },
  'TIME-WAIT': (h) => {
    const entered = STATES['FIN-WAIT-2'](h);
    h.guest('FA seq=1 ack=2');
    h.sends('A seq=2 ack=2');
    return { ...entered, rcvNxt: 2 };
  },
};

/** To the harness's own guest, from where that dials to. */
export function dial(h: Harness): TcpConnection {
  return h.stack.connect({ address: SERVICE, port: 80 }, { address: GUEST, port: 40_000 });
}

/**
 * A connection keeps TIME-WAIT as its last state. The record that is left of it is there
 * as long as something is waited for, and no request has taken its place.
 */
export function stateOf(h: Harness, connection: TcpConnection): StateName {
  const gone = h.stack.pollAt() === Infinity || h.requests.length > 0;
  return connection.state === 'TIME-WAIT' && gone ? 'CLOSED' : connection.state;
}
