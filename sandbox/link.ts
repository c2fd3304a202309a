/** The interface kns0 of the sandbox: what it may be, and why it could not be made. */

import { constants } from 'node:os';
import { SandboxError } from './errors.ts';
import { explainRefusal, HelperRefused, type NetnsHelper } from './helper.ts';

/** One family's part of the interface: its own address, with everything else behind the gateway. */
export interface LinkAddress {
  readonly address: string;
  readonly prefixLength: number;
  readonly gateway: string;
}

export interface LinkOptions extends LinkAddress {
  /** Where the kernel has no IPv6 the sandbox has none, and a note says so. Its least MTU is 1,280 (RFC 8200, 5). */
  readonly ipv6?: LinkAddress;
  readonly mtu: number;
}

function explainTun(error: HelperRefused): SandboxError | undefined {
  if (error.call !== 'open /dev/net/tun') return undefined;
  const { EACCES, EPERM, ENOENT, ENODEV, ENXIO } = constants.errno;
  switch (error.errno) {
    case ENOENT:
    case ENODEV:
    case ENXIO:
      return new SandboxError(
        'TUN_MISSING',
        'there is no /dev/net/tun',
        'load the driver as root: modprobe tun (in a container: start it with --device /dev/net/tun)',
      );
    case EACCES:
    case EPERM:
      return new SandboxError(
        'TUN_DENIED',
        '/dev/net/tun may not be opened by this user',
        'let every user open it, as distributions do; as root: chmod 0666 /dev/net/tun',
      );
    default:
      return undefined;
  }
}

/** The interface in the namespaces of `pid`. @returns the fd of its device */
export async function makeLink(
  helper: NetnsHelper,
  pid: number,
  { ipv6, mtu, ...ipv4 }: LinkOptions,
  signal: AbortSignal,
): Promise<number> {
  const addresses = (ipv6 === undefined ? [ipv4] : [ipv4, ipv6]).map(
    ({ address, prefixLength, gateway }) => `${address}/${prefixLength} ${gateway}`,
  );
  try {
    return await helper.request(['link', pid, mtu, ...addresses].join(' '), signal);
  } catch (error) {
    throw (error instanceof HelperRefused && explainTun(error)) || explainRefusal(error);
  }
}
