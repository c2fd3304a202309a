/**
 * The header by which a server learns whom a relayed connection comes from:
 * version 1 is a line of text, version 2 is binary (HAProxy's proxy-protocol.txt,
 * sections 2.1 and 2.2). It comes before all else, once.
 */

import ipaddr from 'ipaddr.js';
import { RemoteStreamError } from '../../relay/stream.ts';
import type { ProxyHeader } from '../rules.ts';

/** Both ends of a connection as the host sees it. */
export interface Ends {
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
  readonly localAddress?: string | undefined;
  readonly localPort?: number | undefined;
}

const SIGNATURE = [0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a];
/** Version 2, and that the connection is relayed. */
const PROXY_COMMAND = 0x21;
/** Address family and SOCK_STREAM. */
const TCP_OVER_IPV4 = 0x11;
const TCP_OVER_IPV6 = 0x21;

/** @throws RemoteStreamError where the client has gone, and its address with it */
export function proxyHeader(version: ProxyHeader, ends: Ends): Uint8Array {
  const { remoteAddress, remotePort, localAddress, localPort } = ends;
  if (remoteAddress === undefined || localAddress === undefined || !remotePort || !localPort)
    throw new RemoteStreamError('reset', 'the client has gone');
  const [source, target] = [plainAddress(remoteAddress), plainAddress(localAddress)];
  if (version === 'v1') {
    const family = source.kind() === 'ipv4' ? 'TCP4' : 'TCP6';
    return Buffer.from(`PROXY ${family} ${String(source)} ${String(target)} ${remotePort} ${localPort}\r\n`);
  }
  const addresses = [...source.toByteArray(), ...target.toByteArray()];
  const ports = [remotePort, localPort].flatMap(twoBytes);
  const family = source.kind() === 'ipv4' ? TCP_OVER_IPV4 : TCP_OVER_IPV6;
  const length = twoBytes(addresses.length + ports.length);
  return Uint8Array.from([...SIGNATURE, PROXY_COMMAND, family, ...length, ...addresses, ...ports]);
}

/** One socket may serve both versions, with IPv4 mapped into IPv6. A zone (RFC 4007, 11) means nothing elsewhere. */
function plainAddress(text: string): ReturnType<typeof ipaddr.process> {
  return ipaddr.process(text.replace(/%.*$/, ''));
}

function twoBytes(value: number): number[] {
  return [value >>> 8, value & 0xff];
}
