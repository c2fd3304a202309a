/**
 * What the kernel knows of a connection and no socket option in Node tells: whether its path is alive.
 *
 * /proc/net/tcp (proc(5)) has, for each socket, how often the segment at the
 * head of the queue was retransmitted, and how many probes of a closed window
 * have had no answer. Where both are nought, the other end's kernel has
 * acknowledged all that it had room for: whoever is silent there, it is not the
 * network.
 */
import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';

/** A lost packet or two says nothing of the path. */
const MAX_UNANSWERED = 2;

/** @returns undefined where the kernel does not show the socket: behind a proxy inside this process, for one. */
export function pathIsAlive({ localPort, remotePort }: Socket): boolean | undefined {
  if (localPort === undefined || remotePort === undefined) return undefined;
  for (const file of ['/proc/self/net/tcp', '/proc/self/net/tcp6']) {
    const alive = find(textOf(file), hex(localPort), hex(remotePort));
    if (alive !== undefined) return alive;
  }
  return undefined;
}

function find(table: string, localPort: string, remotePort: string): boolean | undefined {
  for (const line of table.split('\n')) {
    // sl local remote state tx:rx tr:when retransmits uid probes inode …
    const [, local, remote, , , , retransmits, , probes] = line.trim().split(/\s+/);
    if (!local?.endsWith(localPort) || !remote?.endsWith(remotePort)) continue;
    return Number.parseInt(retransmits, 16) <= MAX_UNANSWERED && Number(probes) <= MAX_UNANSWERED;
  }
  return undefined;
}

function hex(port: number): string {
  return `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return ''; // no IPv6 here, or no /proc
  }
}
