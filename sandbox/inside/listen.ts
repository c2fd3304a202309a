/** Sockets that are bound in the sandbox's own network, for servers of this process. */

import { isIP } from 'node:net';
import { constants } from 'node:os';
import { SandboxError } from '../errors.ts';
import { HelperGone, HelperRefused, type NetnsHelper } from '../helper.ts';
import type { PortProtocol } from '../ports.ts';

/** Some microseconds of system calls; a helper that needs this long is stuck. */
const LISTEN_TIMEOUT_MS = 5_000;

/** An address of the sandbox's network, as the command sees it: 127.0.0.1 is the sandbox's own. */
export interface InsideAddress {
  readonly address: string;
  /** 0 has a free one chosen. */
  readonly port: number;
}

/** The fd of a socket that is bound there, and listens if it is of TCP. @throws SandboxError LISTEN_FAILED */
export async function openListener(
  helper: NetnsHelper,
  protocol: PortProtocol,
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
