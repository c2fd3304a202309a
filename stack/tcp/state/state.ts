/**
 * The states of a connection (RFC 9293 3.3.2) and the ways between them.
 *
 * LISTEN has no object here: the stack listens on everything, and a SYN waits
 * as a TcpRequest. TIME-WAIT goes on in a record of its own (close/time-wait.ts).
 */
export const SYN_RECEIVED = 0;
export const ESTABLISHED = 1;
export const FIN_WAIT_1 = 2;
export const FIN_WAIT_2 = 3;
export const CLOSE_WAIT = 4;
export const CLOSING = 5;
export const LAST_ACK = 6;
export const TIME_WAIT = 7;
export const CLOSED = 8;
export const SYN_SENT = 9;

export type State =
  | typeof SYN_RECEIVED
  | typeof ESTABLISHED
  | typeof FIN_WAIT_1
  | typeof FIN_WAIT_2
  | typeof CLOSE_WAIT
  | typeof CLOSING
  | typeof LAST_ACK
  | typeof TIME_WAIT
  | typeof CLOSED
  | typeof SYN_SENT;

export type StateName =
  | 'SYN-RECEIVED'
  | 'ESTABLISHED'
  | 'FIN-WAIT-1'
  | 'FIN-WAIT-2'
  | 'CLOSE-WAIT'
  | 'CLOSING'
  | 'LAST-ACK'
  | 'TIME-WAIT'
  | 'CLOSED'
  | 'SYN-SENT';

const NAMES: readonly StateName[] = [
  'SYN-RECEIVED',
  'ESTABLISHED',
  'FIN-WAIT-1',
  'FIN-WAIT-2',
  'CLOSE-WAIT',
  'CLOSING',
  'LAST-ACK',
  'TIME-WAIT',
  'CLOSED',
  'SYN-SENT',
];

export function stateName(state: State): StateName {
  return NAMES[state];
}

/** Figure 5 of RFC 9293, a bit for each state that may come next. Everything may be aborted. */
const NEXT: readonly number[] = [
  /* SYN_RECEIVED */ (1 << ESTABLISHED) | (1 << CLOSED),
  /* ESTABLISHED */ (1 << FIN_WAIT_1) | (1 << CLOSE_WAIT) | (1 << CLOSED),
  /* FIN_WAIT_1 */ (1 << FIN_WAIT_2) | (1 << CLOSING) | (1 << CLOSED),
  /* FIN_WAIT_2 */ (1 << TIME_WAIT) | (1 << CLOSED),
  /* CLOSE_WAIT */ (1 << LAST_ACK) | (1 << CLOSED),
  /* CLOSING */ (1 << TIME_WAIT) | (1 << CLOSED),
  /* LAST_ACK */ 1 << CLOSED,
  /* TIME_WAIT */ 1 << CLOSED,
  /* CLOSED */ 0,
  /* SYN_SENT */ (1 << ESTABLISHED) | (1 << SYN_RECEIVED) | (1 << CLOSED),
];

export function mayFollow(from: State, to: State): boolean {
  return (NEXT[from] & (1 << to)) !== 0;
}
