/** What the system and ICMP say of a destination, as the sandbox is to hear it. */

import { constants } from 'node:os';
import type { UnreachableReason } from '../../stack/index.ts';

/**
 * Error codes of connect(2) and sendto(2) that say something of the way.
 *
 * EACCES and EPERM are a firewall of the host. EADDRNOTAVAIL is a host without
 * an address of the destination's IP version or scope, EAFNOSUPPORT one without
 * that version at all.
 */
const BY_CODE: Readonly<Record<string, UnreachableReason>> = {
  ENETUNREACH: 'net',
  EADDRNOTAVAIL: 'net',
  EAFNOSUPPORT: 'net',
  ENETDOWN: 'net',
  EHOSTUNREACH: 'host',
  EHOSTDOWN: 'host',
  ECONNREFUSED: 'port',
  ENOPROTOOPT: 'protocol',
  EACCES: 'admin-prohibited',
  EPERM: 'admin-prohibited',
};

const BY_ERRNO: ReadonlyMap<number, UnreachableReason> = new Map(
  Object.entries(constants.errno).flatMap(([code, errno]) => {
    const reason = BY_CODE[code];
    return reason === undefined ? [] : [[errno, reason] as const];
  }),
);

const DESTINATION_UNREACHABLE = 3;
/** RFC 792, RFC 1122 3.2.2.1, RFC 1812 5.2.7.1. */
const IPV4_CODES: Readonly<Record<number, UnreachableReason>> = {
  0: 'net',
  1: 'host',
  2: 'protocol',
  3: 'port',
  6: 'net',
  7: 'host',
  9: 'admin-prohibited',
  10: 'admin-prohibited',
  11: 'net',
  12: 'host',
  13: 'admin-prohibited',
};

const DESTINATION_UNREACHABLE_V6 = 1;
/** RFC 4443, 3.1. */
const IPV6_CODES: Readonly<Record<number, UnreachableReason>> = {
  0: 'net',
  1: 'admin-prohibited',
  2: 'host',
  3: 'host',
  4: 'port',
  5: 'admin-prohibited',
  6: 'net',
};

export function reasonOfCode(code: string): UnreachableReason | undefined {
  return BY_CODE[code];
}

/** @returns undefined where it says nothing of the way: a full socket buffer, a datagram too large */
export function reasonOfErrno(errno: number): UnreachableReason | undefined {
  return BY_ERRNO.get(errno);
}

/** @param type of an ICMP message, or -1 where the system found the error itself */
export function reasonOfIcmp(
  version: 4 | 6,
  type: number,
  code: number,
  errno: number,
): UnreachableReason | undefined {
  if (type < 0) return reasonOfErrno(errno);
  const [wanted, codes] =
    version === 4 ? [DESTINATION_UNREACHABLE, IPV4_CODES] : [DESTINATION_UNREACHABLE_V6, IPV6_CODES];
  return type === wanted ? codes[code] : undefined;
}
