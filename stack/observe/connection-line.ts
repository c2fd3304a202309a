/**
 * A connection for people, as `ss -ti` shows the kernel's: who and in which
 * state, and what its machinery knows.
 */
import type { ConnectionSnapshot } from '../tcp/snapshot.ts';

export function describeConnection(seen: ConnectionSnapshot): string {
  const head = [
    seen.state,
    `recv-q ${seen.receiveUnreadBytes}`,
    `send-q ${seen.sendQueuedBytes}`,
    endpoint(seen.localAddress, seen.localPort),
    endpoint(seen.remoteAddress, seen.remotePort),
  ];
  const details = [
    `mss:${seen.mss}`,
    `rto:${milliseconds(seen.rtoMs)}`,
    ...(seen.srttMs === null ? [] : [`rtt:${milliseconds(seen.srttMs)}`]),
    `unacked:${seen.inFlightBytes}`,
    `snd_wnd:${seen.sendWindow}`,
    `rcv_held:${seen.receiveHeldBytes}`,
    `rcv_wnd:${seen.receiveWindow}`,
    ...(seen.softError === null ? [] : [`error:${seen.softError}`]),
  ];
  return `${head.join(' ')} ${details.join(' ')}`;
}

function endpoint(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

function milliseconds(value: number): string {
  return String(Math.round(value * 1000) / 1000);
}
