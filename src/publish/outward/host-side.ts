/** Ports of the host on which this process serves ports of the sandbox, and what is reached by streams. */

import type { Socket as DatagramSocket } from 'node:dgram';
import { once } from 'node:events';
import type { Server } from 'node:net';
import { datagramSocketFor, type OpenPorts } from '../../../sandbox/index.ts';
import type { Log } from '../../observe/log.ts';
import { openDuplex } from '../../relay/duplex.ts';
import { hostAndPort } from '../../host-and-port.ts';
import { cannotListen, type HostPlace } from '../errors.ts';
import type { ProxyHeader, PublishedPort, StreamRule } from '../rules.ts';
import { proxyHeader } from '../tcp/proxy-header.ts';
import type { SpliceOptions, Splices } from '../tcp/splices.ts';
import { DatagramForward } from '../udp/datagram-forward.ts';
import { InsideDial, type InsideNetwork } from './inside-dial.ts';

export interface HostSideOptions {
  readonly sandbox: InsideNetwork;
  /** The sandbox's own addresses, beside its loopback. */
  readonly addresses: readonly string[];
  readonly splices: Splices;
  /** Which ports are open in the sandbox; UDP asks. */
  readonly ports: OpenPorts | undefined;
  readonly log: Log;
}

/** A port of the sandbox, and where on the host it is to be met. */
export interface Wanted extends HostPlace {
  readonly inside: number;
  readonly header?: ProxyHeader;
}

/** The same of what is reached by a stream. */
export interface WantedStream
  extends Pick<HostPlace, 'address' | 'port'>,
    Pick<StreamRule, 'target' | 'open'> {
  readonly header?: ProxyHeader;
}

/** A port of the host that is ours. */
export interface Serving {
  readonly at: PublishedPort;
  /** Connections that are open go on. */
  close(): void;
}

interface Listening {
  readonly port: number;
  readonly close: () => void;
}

export class HostSide {
  readonly #options: HostSideOptions;

  constructor(options: HostSideOptions) {
    this.#options = options;
  }

  /** @throws UsageError HOST_PORT_TAKEN, HOST_PORT_PRIVILEGED, HOST_ADDRESS_UNKNOWN, PUBLISH_FAILED */
  async serve(wanted: Wanted): Promise<Serving> {
    const { protocol, address, inside } = wanted;
    const { port, close } = await (protocol === 'tcp' ? this.#toProgram(wanted) : this.#udp(wanted));
    return { at: { protocol, hostAddress: address, hostPort: port, port: inside }, close };
  }

  /** @throws UsageError as `serve` */
  async serveStream(wanted: WantedStream): Promise<Serving> {
    const { target, open, ...place } = wanted;
    const { port, close } = await this.#tcp(place, {
      label: target,
      bypasses: true,
      dial: async (signal) => {
        const far = await openDuplex(await open(signal), signal);
        return far.on('error', ({ message }) => this.#options.log.info(`${target}: ${message}`));
      },
    });
    return { at: { protocol: 'tcp', hostAddress: place.address, hostPort: port, target }, close };
  }

  #toProgram(wanted: Wanted): Promise<Listening> {
    const { sandbox, addresses } = this.#options;
    const dial = new InsideDial(sandbox, addresses, wanted.inside);
    return this.#tcp(wanted, {
      label: labelOf(wanted.inside, wanted),
      dial: (signal) => dial.stream(signal),
    });
  }

  async #tcp(
    { address, port, header }: Omit<Wanted, 'protocol' | 'inside'>,
    options: SpliceOptions,
  ): Promise<Listening> {
    const server = this.#options.splices.server({
      ...options,
      ...(header && { preface: (near) => proxyHeader(header, near) }),
    });
    await listening(server, { protocol: 'tcp', address, port }, () => server.listen({ host: address, port }));
    return { port: portOf(server.address()), close: () => void server.close() };
  }

  async #udp({ inside, ...place }: Wanted): Promise<Listening> {
    const { sandbox, addresses, ports, log } = this.#options;
    const dial = new InsideDial(sandbox, addresses, inside);
    const socket = datagramSocketFor(place.address);
    await listening(socket, place, () =>
      socket.bind({ address: place.address, port: place.port, exclusive: true }),
    );
    const { port } = socket.address();
    const forward = new DatagramForward({
      label: labelOf(inside, place),
      socket,
      connect: () => dial.datagrams(ports),
      log,
    });
    return { port, close: () => forward.close() };
  }
}

function labelOf(inside: number, { protocol, address, port }: HostPlace): string {
  const suffix = protocol === 'udp' ? '/udp' : '';
  return port === 0 ? `port ${inside}${suffix}` : `${hostAndPort(address, port)}${suffix}`;
}

async function listening(
  owner: Server | DatagramSocket,
  place: HostPlace,
  listen: () => void,
): Promise<void> {
  try {
    listen();
    await once(owner, 'listening');
  } catch (error) {
    owner.close();
    throw cannotListen(error, place);
  }
}

function portOf(address: ReturnType<Server['address']>): number {
  if (address === null || typeof address === 'string') throw new TypeError('the server has no port');
  return address.port;
}
