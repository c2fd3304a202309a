/**
 * What each flow of the sandbox meets.
 *
 *     TCP   Service → a pod's stream; endpoint → its own; gateway:53 → DNS; anything else is refused
 *     UDP   gateway:53 → DNS; anything else is refused
 *     ICMP  echo to the gateway, to Services and to endpoints is answered
 *
 * A port that a Service does not have is refused at once, as kube-proxy does:
 * retry loops depend on it. So is an address whose Service or pod has gone.
 * Addresses outside the sandbox's ranges have no route yet, and say so at once.
 *
 * A port-forward carries TCP alone: a datagram to a Service is refused as one
 * to a closed port, and of a port that the Service does have it is said why,
 * once. SCTP never comes so far: the stack answers that it has no such protocol.
 */

import { DnsServer, type ResolveOutside } from '../../names/dns/server.ts';
import { Resolver } from '../../names/dns/resolver.ts';
import { DnsStream } from '../../names/dns/stream.ts';
import type { Log } from '../../observe/log.ts';
import { type Dial, relay } from '../../relay/relay.ts';
import type { EchoRequest, Stack, TcpRequest, UdpDatagram } from '../../../stack/index.ts';
import { type Destination, labelOf, type ServiceDestination } from './destination.ts';
import type { Directory } from './directory.ts';

const DNS_PORT = 53;

export interface NetworkOptions {
  readonly stack: Stack;
  readonly directory: Directory;
  readonly log: Log;
  /** Who knows the names that are not of the cluster; without, there are none. */
  readonly resolveOutside?: ResolveOutside;
}

/** Answers all that comes out of the stack, from now on. */
export function attachNetwork(options: NetworkOptions): void {
  const { stack } = options;
  const network = new Network(options);
  stack.onTcpRequest = (request) => network.tcp(request);
  stack.onUdp = (datagram) => network.udp(datagram);
  stack.onEcho = (request) => network.echo(request);
}

class Network {
  readonly #directory: Directory;
  readonly #dns: DnsServer;
  readonly #log: Log;
  /** Ports of Services whose datagrams have been refused, with the reason told. */
  readonly #udpToldOf = new Set<string>();

  constructor({ directory, log, resolveOutside }: NetworkOptions) {
    this.#directory = directory;
    this.#dns = new DnsServer(new Resolver(directory), resolveOutside);
    this.#log = log;
  }

  tcp(request: TcpRequest): void {
    const { localAddress, localPort: port } = request;
    const destination = this.#directory.route(localAddress);
    switch (destination.kind) {
      case 'gateway':
        if (port !== DNS_PORT) request.refuse();
        else this.#relay(request, 'DNS', (events) => new DnsStream(this.#dns, events));
        return;
      case 'service':
        this.#service(request, destination);
        return;
      case 'endpoint': {
        const { endpoint } = destination;
        const label = `${endpoint.name}:${port}`;
        if (endpoint.hasPort(port)) this.#relay(request, label, (events) => endpoint.dial(port, events));
        else this.#refuse(request, label, 'nothing is reached at this port');
        return;
      }
      case 'gone':
        this.#refuse(request, `${destination.label}:${port}`, 'it is not there any more');
        return;
      case 'unassigned':
      case 'outside':
        this.#log.debug(`${localAddress}:${port}: no route`);
        request.unreachable(unreachableCode(destination.kind));
    }
  }

  #service(request: TcpRequest, destination: ServiceDestination): void {
    const { cluster, service, podLabel } = destination;
    const port = request.localPort;
    const label = `${labelOf(destination)}:${port}`;
    if (podLabel !== undefined) {
      this.#relay(request, label, (events) => cluster.dialPod(service, podLabel, port, events));
    } else if (cluster.hasPort(service, port)) {
      this.#relay(request, label, (events) => cluster.dialService(service, port, events));
    } else {
      this.#refuse(request, label, 'the Service has no such port');
    }
  }

  #refuse(request: TcpRequest, label: string, why: string): void {
    this.#log.info(`${label}: refused, ${why}`);
    request.refuse();
  }

  #relay(request: TcpRequest, label: string, dial: Dial): void {
    this.#log.debug(`${label}: connection from port ${request.remotePort}`);
    relay(request, dial, (error) => this.#log.info(`${label}: ${error.message}`));
  }

  echo(request: EchoRequest): void {
    const { kind } = this.#directory.route(request.localAddress);
    if (kind === 'gateway' || kind === 'service' || kind === 'endpoint') request.reply();
    else request.unreachable(kind === 'gone' ? 'host' : unreachableCode(kind));
  }

  udp(datagram: UdpDatagram): void {
    const destination = this.#directory.route(datagram.localAddress);
    if (destination.kind === 'gateway' && datagram.localPort === DNS_PORT) {
      this.#answerDns(datagram);
      return;
    }
    if (destination.kind === 'service') this.#tellOfUdp(destination, datagram.localPort);
    datagram.unreachable(unreachableCode(destination.kind));
  }

  #answerDns(datagram: UdpDatagram): void {
    const answer = this.#dns.answer(datagram.payload, 'udp');
    if (answer instanceof Promise) void answer.then((message) => datagram.reply(message));
    else if (answer !== undefined) datagram.reply(answer);
  }

  #tellOfUdp({ service }: ServiceDestination, port: number): void {
    if (!service.ports.some((one) => one.protocol === 'UDP' && one.port === port)) return;
    const label = `${labelOf({ service })}:${port}/UDP`;
    if (this.#udpToldOf.has(label)) return;
    this.#udpToldOf.add(label);
    this.#log.info(`${label}: refused, a port-forward carries TCP only`);
  }
}

/** Where something is, or has been, it is the port that is not. */
function unreachableCode(kind: Destination['kind']): 'port' | 'host' | 'net' {
  switch (kind) {
    case 'gateway':
    case 'service':
    case 'endpoint':
    case 'gone':
      return 'port';
    case 'unassigned':
      return 'host';
    case 'outside':
      return 'net';
  }
}
