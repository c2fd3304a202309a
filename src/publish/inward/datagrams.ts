/** UDP ports of the host's loopback on the sandbox's own; only those that are named, whether or not somebody has them. */

import { connectDatagrams, datagramSocketFor, type OpenPorts, type Sandbox } from '../../../sandbox/index.ts';
import type { Log } from '../../observe/log.ts';
import { hostAndPort } from '../../host-and-port.ts';
import { isLoopback, LOOPBACK, type Loopback } from '../addresses.ts';
import { boundAddresses } from '../udp/bound-addresses.ts';
import { DatagramForward } from '../udp/datagram-forward.ts';
import type { PortPair } from './ports.ts';

export interface HostDatagramsOptions {
  readonly sandbox: Pick<Sandbox, 'bindInside'>;
  readonly ports: readonly PortPair[];
  readonly host: OpenPorts;
  readonly log: Log;
}

export async function forwardHostDatagrams(options: HostDatagramsOptions): Promise<DatagramForward[]> {
  const places = options.ports.flatMap((pair) => LOOPBACK.map((address) => ({ address, ...pair })));
  return (await Promise.all(places.map((place) => forward(place, options)))).flat();
}

async function forward(
  { hostPort, ...place }: PortPair & { readonly address: Loopback },
  { sandbox, host, log }: HostDatagramsOptions,
): Promise<DatagramForward[]> {
  const label = `host port ${hostPort}/udp`;
  const socket = datagramSocketFor(place.address);
  try {
    await sandbox.bindInside(socket, place);
  } catch (error) {
    socket.close();
    // A sandbox without IPv6 has its port on 127.0.0.1.
    const level = place.address === LOOPBACK[0] ? 'warn' : 'debug';
    const reason = error instanceof Error ? error.message : String(error);
    log[level](`${label} is not at ${hostAndPort(place.address, place.port)} in the sandbox: ${reason}`);
    return [];
  }
  const connect = () => {
    const address = boundAddresses(host, hostPort).find(isLoopback) ?? place.address;
    return connectDatagrams(datagramSocketFor(address), { address, port: hostPort });
  };
  return [new DatagramForward({ label, socket, connect, log })];
}
