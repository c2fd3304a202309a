/**
 * Active open (RFC 9293 3.10.1): a connection from an address the stack answers
 * for to the guest.
 */
import { addressBytes, addressWords, isUnicastDestination } from '../../ip/address.ts';
import type { Flow } from '../../ip/packet/flow.ts';
import type { Path } from '../../ip/path/path.ts';
import { setInt32 } from '../../wire/bytes.ts';
import { removeTimeWait } from '../close/time-wait.ts';
import type { TcpContext } from '../state/context.ts';
import { Tcb } from '../state/tcb.ts';
import { TimeWait } from '../state/time-wait-record.ts';
import { TcpConnection } from './connection.ts';

/** RFC 6335 6: dynamic ports. */
export const FIRST_DYNAMIC_PORT = 49_152;
export const DYNAMIC_PORTS = 16_384;

export type ConnectErrorCode =
  | 'CONNECT_NOT_A_HOST'
  | 'CONNECT_FLOW_IN_USE'
  | 'CONNECT_NO_FREE_PORT'
  | 'CONNECT_LIMIT';

const REMEDIES: Readonly<Record<ConnectErrorCode, string>> = {
  CONNECT_NOT_A_HOST: 'give the address of a single host',
  CONNECT_FLOW_IN_USE: 'choose another local port, or 0 to have a free one chosen',
  CONNECT_NO_FREE_PORT: 'close connections to that port, or use another local address',
  CONNECT_LIMIT: 'close connections, or raise the limit maxConnections',
};

/** Why a connection could not even be tried. */
export class ConnectError extends Error {
  override readonly name = 'ConnectError';
  readonly code: ConnectErrorCode;
  readonly remedy: string;

  constructor(code: ConnectErrorCode, message: string) {
    super(message);
    this.code = code;
    this.remedy = REMEDIES[code];
  }
}

/** @throws ConnectError */
export function connect(context: TcpContext, flow: Flow): TcpConnection {
  const { limits, clock } = context;
  // RFC 9293 MUST-46
  if (!isHost(flow.path)) {
    throw new ConnectError('CONNECT_NOT_A_HOST', `${flow.remoteAddress} is not the address of one host`);
  }
  if (context.connectionCount + context.requests.size >= limits.maxConnections) {
    throw new ConnectError('CONNECT_LIMIT', `there are ${limits.maxConnections} connections already`);
  }
  const old = context.flows.find(flow);
  if (old !== null && !(old instanceof TimeWait)) {
    throw new ConnectError(
      'CONNECT_FLOW_IN_USE',
      `${flow.localAddress}:${flow.localPort} has a connection to ${flow.remoteAddress}:${flow.remotePort} already`,
    );
  }
  // Its numbers and timestamps go on where the old one's ended, so nothing of that can be mistaken (RFC 6191 2).
  const followsSndNxt = old === null ? null : old.sndNxt;
  if (old !== null) removeTimeWait(context, old);
  const tcb = new Tcb(
    flow,
    true,
    context.isn.following(flow, clock.nowMs, followsSndNxt),
    context.isn.timestampOffset(flow),
    context.pool,
    limits,
    clock.nowMs,
    context.trace,
  );
  context.flows.set(flow, tcb);
  context.connectionCount++;
  context.counters.tcpConnects++;
  tcb.synWanted = true;
  context.wantOutput(tcb);
  return new TcpConnection(context, tcb);
}

function isHost(path: Path): boolean {
  const remote = new Uint8Array(addressBytes(path.version));
  const words = addressWords(path.version);
  for (let i = 0; i < words; i++) setInt32(remote, 4 * i, path.addresses[words + i]);
  return isUnicastDestination(path.version, remote, 0);
}
