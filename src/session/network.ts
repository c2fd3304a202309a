/**
 * What each flow of the sandbox meets.
 *
 *     TCP   Service → a pod's stream; gateway:53 → DNS; anything else is refused
 *     UDP   gateway:53 → DNS; anything else is refused
 *     ICMP  echo to the gateway and to Services is answered
 *
 * A port that a Service does not have is refused at once, as kube-proxy does:
 * retry loops depend on it. Addresses outside the sandbox's range have no
 * route yet, and say so at once.
 */

import type { Cluster } from '../cluster/index.ts';
import { DnsStream } from '../names/dns-stream.ts';
import { DnsServer } from '../names/dns.ts';
import type { Log } from '../observe/log.ts';
import { type Dial, relay } from '../relay/relay.ts';
import type { EchoRequest, Stack, TcpRequest, UdpDatagram } from '../../stack/index.ts';
import type { Destination, Directory } from './directory.ts';

const DNS_PORT = 53;

/** Answers all that comes out of the stack, from now on. */
export function attachNetwork(stack: Stack, directory: Directory, cluster: Cluster, log: Log): void {
  const network = new Network(directory, cluster, log);
  stack.onTcpRequest = (request) => network.tcp(request);
  stack.onUdp = (datagram) => network.udp(datagram);
  stack.onEcho = (request) => network.echo(request);
}

class Network {
  readonly #directory: Directory;
  readonly #cluster: Cluster;
  readonly #dns: DnsServer;
  readonly #log: Log;

  constructor(directory: Directory, cluster: Cluster, log: Log) {
    this.#directory = directory;
    this.#cluster = cluster;
    this.#dns = new DnsServer(directory.names);
    this.#log = log;
  }

  tcp(request: TcpRequest): void {
    const { localAddress, localPort } = request;
    const destination = this.#directory.route(localAddress);
    switch (destination.kind) {
      case 'gateway':
        if (localPort !== DNS_PORT) request.refuse();
        else this.#relay(request, 'DNS', (events) => new DnsStream(this.#dns, events));
        return;
      case 'service':
        this.#service(request, destination);
        return;
      case 'unassigned':
      case 'outside':
        this.#log.debug(`${localAddress}:${localPort}: no route`);
        request.unreachable(unreachableCode(destination.kind));
    }
  }

  #service(request: TcpRequest, destination: Extract<Destination, { kind: 'service' }>): void {
    const { service, podHostname } = destination;
    const port = request.localPort;
    const host = podHostname === undefined ? service.name : `${podHostname}.${service.name}`;
    const label = `${host}.${service.namespace}:${port}`;
    if (podHostname !== undefined) {
      this.#relay(request, label, (events) => this.#cluster.dialPod(service, podHostname, port, events));
    } else if (this.#cluster.hasPort(service, port)) {
      this.#relay(request, label, (events) => this.#cluster.dialService(service, port, events));
    } else {
      this.#log.info(`${label}: refused, the Service has no such port`);
      request.refuse();
    }
  }

  #relay(request: TcpRequest, label: string, dial: Dial): void {
    this.#log.debug(`${label}: connection from port ${request.remotePort}`);
    relay(request, dial, (error) => this.#log.info(`${label}: ${error.message}`));
  }

  echo(request: EchoRequest): void {
    const { kind } = this.#directory.route(request.localAddress);
    if (kind === 'gateway' || kind === 'service') request.reply();
    else request.unreachable(unreachableCode(kind));
  }

  udp(datagram: UdpDatagram): void {
    const { kind } = this.#directory.route(datagram.localAddress);
    if (kind !== 'gateway' || datagram.localPort !== DNS_PORT) {
      datagram.unreachable(unreachableCode(kind));
      return;
    }
    const answer = this.#dns.answer(datagram.payload, 'udp');
    if (answer !== undefined) datagram.reply(answer);
  }
}

/** Services and the gateway are there, so it is the port that is not. */
function unreachableCode(kind: Destination['kind']): 'port' | 'host' | 'net' {
  switch (kind) {
    case 'gateway':
    case 'service':
      return 'port';
    case 'unassigned':
      return 'host';
    case 'outside':
      return 'net';
  }
}
