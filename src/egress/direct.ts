/**
 * The way out by sockets of the host: its routes, its firewall, its addresses.
 *
 * TCP is dialled first and answered after, so that the sandbox sees what the
 * host sees: a refusal as RST, no route as ICMP, no answer as silence. Whether
 * another address of a name is tried is the application's affair (RFC 8305). A
 * host without IPv6 says so at once, by its own routing table.
 */

import type { OpenDatagramSocket } from '../../sandbox/index.ts';
import type { Log } from '../observe/log.ts';
import type { RemoteStream, RemoteStreamEvents } from '../relay/stream.ts';
import { type DatagramPort, type Dialer, DIRECT, type EchoProbe, type EgressDestination } from './dialer.ts';
import { Pinger } from './echo/pinger.ts';
import { type ConnectWait, dialTcp } from './tcp/dial.ts';
import { HostStream } from './tcp/host-stream.ts';
import { HostPort } from './udp/host-port.ts';

/** Linux gives up after 127 s (tcp_syn_retries), and so does the sandbox's own kernel: nobody waits any longer. */
const CONNECT_WAIT: ConnectWait = { timeoutMs: 130_000, reason: 'silent' };

export class DirectDialer implements Dialer {
  readonly name = DIRECT;
  readonly #openSocket: OpenDatagramSocket;
  readonly #pinger: Pinger;

  constructor(openSocket: OpenDatagramSocket, log: Log) {
    this.#openSocket = openSocket;
    this.#pinger = new Pinger(openSocket, log);
  }

  stream({ address, port }: EgressDestination, events: RemoteStreamEvents): RemoteStream {
    return new HostStream(dialTcp(address, port, CONNECT_WAIT), events);
  }

  openPort(): DatagramPort {
    return new HostPort(this.#openSocket);
  }

  echo(probe: EchoProbe): void {
    this.#pinger.ping(probe);
  }

  close(): void {
    this.#pinger.close();
  }
}
