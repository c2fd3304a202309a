/** What the stack offers to whoever embeds it. */
export type { Counters } from './counters.ts';
export { type Device, MAX_FRAME_HEAD, MAX_FRAME_PIECES, OutgoingFrame } from './device.ts';
export type { EchoRequest } from './icmp/icmpv4.ts';
export type { UnreachableReason } from './icmp/unreachable.ts';
export type { Endpoint } from './ip/flow.ts';
export { DEFAULT_LIMITS, type StackLimits } from './limits.ts';
export { Stack, type StackOptions } from './stack.ts';
export type { TcpConnection } from './tcp/connection.ts';
export type { TcpRequest } from './tcp/request.ts';
export type { ConnectionSnapshot } from './tcp/snapshot.ts';
export type { StateName } from './tcp/state.ts';
export type { CloseReason } from './tcp/tcb.ts';
export type { UdpDatagram } from './udp/udp.ts';
