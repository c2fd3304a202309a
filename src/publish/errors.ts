/** What a user can act on: ports of the host that can't be had. */

import { UsageError } from '../errors.ts';
import { hostAndPort } from '../host-and-port.ts';
import { codeOf } from '../system-error.ts';

export interface HostPlace {
  readonly protocol: 'tcp' | 'udp';
  readonly address: string;
  readonly port: number;
}

/** Of a listen or bind on the host that has failed. */
export function cannotListen(error: unknown, { protocol, address, port }: HostPlace): UsageError {
  const where = `${hostAndPort(address, port)}${protocol === 'udp' ? '/udp' : ''}`;
  switch (codeOf(error)) {
    case 'EADDRINUSE':
      return new UsageError(
        'HOST_PORT_TAKEN',
        `${where} of the host is taken`,
        `publish at another port, or at 0 for a free one; ss -ln${protocol === 'udp' ? 'u' : 't'}p 'sport = :${port}' shows who has it`,
      );
    case 'EACCES':
    case 'EPERM':
      return new UsageError(
        'HOST_PORT_PRIVILEGED',
        `${where} of the host is not for ordinary users`,
        `publish at a higher port (8080:80), or let users have it, as root: sysctl net.ipv4.ip_unprivileged_port_start=${port}`,
      );
    case 'EADDRNOTAVAIL':
    case 'EAFNOSUPPORT':
      return new UsageError(
        'HOST_ADDRESS_UNKNOWN',
        `${address} is no address of the host`,
        'choose one that `ip addr` shows, or 0.0.0.0 for all',
      );
    default:
      return new UsageError(
        'PUBLISH_FAILED',
        `nothing can listen on ${where} of the host: ${error instanceof Error ? error.message : String(error)}`,
        'see what is short, open files (ulimit -n) or memory, or publish fewer ports',
      );
  }
}

/** @param whose which network's ports can't be seen */
export function portsUnseen(error: unknown, whose: 'host' | 'sandbox', option: string): UsageError {
  return new UsageError(
    'PORTS_UNSEEN',
    `${option} can't see which ports of the ${whose} are open: ${error instanceof Error ? error.message : String(error)}`,
    whose === 'sandbox'
      ? 'name the ports, as -p 8080:80; or load the kernel modules inet_diag, tcp_diag and udp_diag'
      : 'load the kernel modules inet_diag and tcp_diag, or allow netlink sockets (`ss -ln` has to work)',
  );
}
