/**
 * Servers of this process that listen in the sandbox's own network: what
 * connects to them is a program in the sandbox, over the kernel's loopback or
 * kns0, and the stack has no part in it. kns-netns makes the socket there, and
 * Node takes its fd over.
 */

import { closeSync } from 'node:fs';
import type { Socket } from 'node:dgram';
import { once } from 'node:events';
import { isIP, type Server } from 'node:net';
import { constants } from 'node:os';
import { SandboxError } from './errors.ts';
import { HelperGone, HelperRefused, type NetnsHelper } from './helper.ts';

/** Some microseconds of system calls; a helper that needs this long is stuck. */
const LISTEN_TIMEOUT_MS = 5_000;

/** An address of the sandbox's network, as the command sees it: 127.0.0.1 is the sandbox's own. */
export interface InsideAddress {
  readonly address: string;
  /** 0 has a free one chosen. */
  readonly port: number;
}

/** Has the server listen there; its `address()` tells the port. @throws SandboxError LISTEN_FAILED */
export async function listenInside(helper: NetnsHelper, server: Server, at: InsideAddress): Promise<void> {
  const fd = await openListener(helper, 'tcp', at);
  orClose(fd, () => server.listen({ fd, exclusive: true }));
  await once(server, 'listening');
}

/** Has the socket, udp4 or udp6 as the address is, receive there. @throws SandboxError LISTEN_FAILED */
export async function bindInside(helper: NetnsHelper, socket: Socket, at: InsideAddress): Promise<void> {
  const fd = await openListener(helper, 'udp', at);
  // Node binds a socket to an fd before it returns, 'listening' emitted.
  orClose(fd, () => socket.bind({ fd, exclusive: true }));
}

/** The fd is Node's from `adopt` on, unless that throws: at a server that listens already, for instance. */
function orClose(fd: number, adopt: () => void): void {
  try {
    adopt();
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

async function openListener(
  helper: NetnsHelper,
  protocol: 'tcp' | 'udp',
  { address, port }: InsideAddress,
): Promise<number> {
  if (isIP(address) === 0) throw new TypeError(`${address} is no IP address`);
  if (!Number.isInteger(port) || port < 0 || port > 0xffff) throw new RangeError(`${port} is no port`);
  try {
    const timeout = AbortSignal.timeout(LISTEN_TIMEOUT_MS);
    return (await helper.request(`listen ${protocol} ${address} ${port}`, timeout)).fd;
  } catch (error) {
    throw explain(error, `${protocol} port ${port} of ${address}`);
  }
}

function explain(error: unknown, where: string): SandboxError {
  const reason = error instanceof Error ? error.message : String(error);
  return new SandboxError(
    'LISTEN_FAILED',
    `nothing can listen on ${where} in the sandbox: ${reason}`,
    remedy(error),
    { cause: error },
  );
}

function remedy(error: unknown): string {
  const { EADDRINUSE, EADDRNOTAVAIL } = constants.errno;
  const errno = error instanceof HelperRefused ? error.errno : undefined;
  if (errno === EADDRINUSE) return 'choose another port; `ss -lntup` in the sandbox shows who has it';
  if (errno === EADDRNOTAVAIL) return 'choose an address that `ip addr` shows in the sandbox';
  if (error instanceof HelperGone) return 'start the sandbox again: its helper process has ended';
  return 'start the sandbox again, and see whether a security policy forbids it sockets';
}
