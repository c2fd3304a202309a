/**
 * The way out by sockets of the host: its routes, its firewall, its addresses.
 *
 * TCP is dialled first and answered after, so that the sandbox sees what the
 * host sees: a refusal as RST, no route as ICMP, no answer as silence. Whether
 * another address of a name is tried is the application's affair (RFC 8305). A
 * host without IPv6 says so at once, by its own routing table.
 */

import type {
  OpenDatagramSocket,
  StreamSocket,
  StreamSocketEvents,
  StreamSockets,
} from '../../sandbox/index.ts';
import type { Log } from '../observe/log.ts';
import { type RemoteStream, RemoteStreamError, type RemoteStreamEvents } from '../relay/stream.ts';
import { type DatagramPort, type Dialer, DIRECT, type EchoProbe, type EgressDestination } from './dialer.ts';
import { addressBytes } from './address-bytes.ts';
import { Pinger } from './echo/pinger.ts';
import { openFileLimit } from './open-files.ts';
import { DirectStream } from './tcp/direct-stream.ts';
import { IdleBlocks } from '../relay/read-blocks.ts';
import { HostPort } from './udp/host-port.ts';

/** A command that floods the network leaves files for the port-forwards, and for what is published. */
const SHARE_OF_FILES = 2 / 3;

export class DirectDialer implements Dialer {
  readonly name = DIRECT;
  readonly #openSocket: OpenDatagramSocket;
  readonly #streamSockets: StreamSockets;
  readonly #idleBlocks = new IdleBlocks();
  readonly #mostStreams: number;
  readonly #pinger: Pinger;

  /** @param files that this process may have open */
  constructor(
    openSocket: OpenDatagramSocket,
    streamSockets: StreamSockets,
    log: Log,
    files = openFileLimit(),
  ) {
    this.#mostStreams = Math.floor(files * SHARE_OF_FILES);
    this.#streamSockets = streamSockets;
    this.#openSocket = openSocket;
    this.#pinger = new Pinger(openSocket, log);
  }

  stream({ address, port }: EgressDestination, events: RemoteStreamEvents): RemoteStream {
    const destination = { address: addressBytes(address), port };
    return new DirectStream(this, destination, this.#idleBlocks, events);
  }

  /** @throws RemoteStreamError where there are too many, and as StreamSockets does */
  connect(address: Uint8Array, port: number, events: StreamSocketEvents): StreamSocket {
    if (this.#streamSockets.size < this.#mostStreams)
      return this.#streamSockets.connect(address, port, events);
    throw new RemoteStreamError(
      'unreachable',
      `${this.#mostStreams} connections are open, and the rest of the open files (ulimit -n) is for other things`,
    );
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
