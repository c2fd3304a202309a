/**
 * The way out by sockets of the host: its routes, its firewall, its addresses.
 *
 * TCP is dialled first and answered after, so that the sandbox sees what the
 * host sees: a refusal as RST, no route as ICMP, no answer as silence. Whether
 * another address of a name is tried is the application's affair (RFC 8305). A
 * host without IPv6 says so at once, by its own routing table.
 */

import type { OpenDatagramSocket, StreamSockets } from '../../sandbox/index.ts';
import type { Log } from '../observe/log.ts';
import type { RemoteStream, RemoteStreamEvents } from '../relay/stream.ts';
import { type DatagramPort, type Dialer, DIRECT, type EchoProbe, type EgressDestination } from './dialer.ts';
import { Pinger } from './echo/pinger.ts';
import { addressBytes } from './address-bytes.ts';
import { DirectStream } from './tcp/direct-stream.ts';
import { IdleBlocks } from './tcp/read-blocks.ts';
import { HostPort } from './udp/host-port.ts';

export class DirectDialer implements Dialer {
  readonly name = DIRECT;
  readonly #openSocket: OpenDatagramSocket;
  readonly #streamSockets: StreamSockets;
  readonly #idleBlocks = new IdleBlocks();
  readonly #pinger: Pinger;

  constructor(openSocket: OpenDatagramSocket, streamSockets: StreamSockets, log: Log) {
    this.#streamSockets = streamSockets;
    this.#openSocket = openSocket;
    this.#pinger = new Pinger(openSocket, log);
  }

  stream({ address, port }: EgressDestination, events: RemoteStreamEvents): RemoteStream {
    const destination = { address: addressBytes(address), port };
    return new DirectStream(this.#streamSockets, destination, this.#idleBlocks, events);
  }

  openPort(): DatagramPort {
    return new HostPort(this.#openSocket);
  }

  echo(probe: EchoProbe): void {
    this.#pinger.ping(probe);
  }

  close(): void {
    this.#pinger.close();
    this.#streamSockets.close();
  }
}
