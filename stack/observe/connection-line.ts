/**
 * A connection for people, as `ss -ti` shows the kernel's, in its words: `rtt` is
 * the smoothed round trip and its variance, `cwnd` and `ssthresh` are segments,
 * and what is nothing is left out.
 */
import type { ConnectionSnapshot } from '../tcp/application/snapshot.ts';

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
    ...(seen.srttMs === null ? [] : [`rtt:${milliseconds(seen.srttMs)}/${milliseconds(seen.rttvarMs)}`]),
    ...(seen.minRttMs === null ? [] : [`minrtt:${milliseconds(seen.minRttMs)}`]),
    `cwnd:${segments(seen.congestionWindow, seen)}`,
    ...(seen.slowStartThreshold === null ? [] : [`ssthresh:${segments(seen.slowStartThreshold, seen)}`]),
    `unacked:${seen.inFlightBytes}`,
    ...counted('retrans', seen.retransmits),
    ...counted('lost', seen.lostBytes),
    ...counted('sacked', seen.sackedBytes),
    ...(seen.loss === 'none' ? [] : [`loss:${seen.loss}`]),
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

function segments(bytes: number, { mss }: ConnectionSnapshot): number {
  return Math.round(bytes / mss);
}

function counted(name: string, value: number): string[] {
  return value === 0 ? [] : [`${name}:${value}`];
}

function milliseconds(value: number): string {
  return String(Math.round(value * 1000) / 1000);
}
