/**
 * How much an application may still write: what its connection's send buffer
 * has room for, within what all send queues may hold together.
 *
 * Readers that have stalled may fill that, and yet every connection has a small
 * buffer: its own ACKs empty it, so nobody waits for anybody else.
 */
import type { TcpContext } from './context.ts';
import type { Tcb } from './tcb.ts';

/** What a connection may hold whatever others do, if its send buffer is not smaller. */
const LEAST_BYTES = 64 << 10;

export function sendRoom(context: TcpContext, tcb: Tcb): number {
  const { sendQueue } = tcb;
  if (sendQueue.chunks >= context.limits.maxSendChunks) return 0;
  return Math.max(0, bufferBytes(context, tcb) - sendQueue.bytes);
}

/** Whether enough has gone for the application to be told. */
export function isRoomBack(context: TcpContext, tcb: Tcb): boolean {
  const { sendQueue } = tcb;
  return (
    sendQueue.bytes <= bufferBytes(context, tcb) / 2 && sendQueue.chunks <= context.limits.maxSendChunks / 2
  );
}

/** What it may hold, with what it holds. */
function bufferBytes({ limits, sendQueuedBytes }: TcpContext, tcb: Tcb): number {
  const room = limits.sendPoolBytes - sendQueuedBytes;
  return Math.min(limits.sendBufferBytes, Math.max(LEAST_BYTES, tcb.sendQueue.bytes + room));
}
