/**
 * What each flow of the sandbox meets.
 *
 *            TCP                       UDP                       ICMP echo
 *     gateway     DNS at port 53            DNS at port 53            answered
 *     Service     a pod's stream            port unreachable          answered
 *     endpoint    its own stream            port unreachable          answered
 *     outside     as policy has it          as policy has it          as policy has it
 *
 * A port that a Service does not have is refused at once, as kube-proxy does:
 * retry loops depend on it. So is an address whose Service or pod has gone. Of
 * Services policy decides too, and first; where there is no egress at all,
 * nothing outside has a route.
 *
 * A port-forward carries TCP alone: a datagram to a Service is refused as one
 * to a closed port, and of a port that the Service does have it is said why,
 * once. SCTP never comes so far: the stack answers that it has no such protocol.
 */

import { DnsServer } from '../../names/dns/server.ts';
import { Resolver } from '../../names/dns/resolver.ts';
import { DnsStream } from '../../names/dns/stream.ts';
import type { Log } from '../../observe/log.ts';
import type { Dial } from '../../relay/relay.ts';
import type { RemoteStreamError } from '../../relay/stream.ts';
import type { EchoRequest, Stack, TcpRequest, UdpDatagram } from '../../../stack/index.ts';
import { carry } from '../carry.ts';
import type { Egress } from '../outside/egress.ts';
import type { Gate, Passage } from '../outside/gate.ts';
import { Outside } from '../outside/outside.ts';
import { type Destination, labelOf, type ServiceDestination } from './destination.ts';
import type { Directory } from './directory.ts';
import { Obstacles } from './obstacles.ts';
import { serviceFlow } from './service-flow.ts';

const DNS_PORT = 53;

export interface NetworkOptions {
  readonly stack: Stack;
  readonly directory: Directory;
  /** The rest of the network, and the rules; without, there are neither. */
  readonly egress?: Egress;
  readonly log: Log;
}

/** Answers all that comes out of the stack, from now on. */
export function attachNetwork(options: NetworkOptions): { close(): void } {
  const { stack } = options;
  const network = new Network(options);
  stack.onTcpRequest = (request) => network.tcp(request);
  stack.onUdp = (datagram) => network.udp(datagram);
  stack.onEcho = (request) => network.echo(request);
  return network;
}

class Network {
  readonly #directory: Directory;
  readonly #dns: DnsServer;
  readonly #gate: Gate | undefined;
  readonly #outside: Outside | undefined;
  readonly #log: Log;
  readonly #obstacles: Obstacles;
  /** Ports of Services whose datagrams have been refused, with the reason told. */
  readonly #udpToldOf = new Set<string>();

  constructor({ stack, directory, egress, log }: NetworkOptions) {
    this.#directory = directory;
    this.#dns = new DnsServer(new Resolver(directory), egress?.names);
    this.#gate = egress?.gate;
    this.#outside = egress && new Outside(stack, egress, log);
    this.#log = log;
    this.#obstacles = new Obstacles(log);
    directory.onServicesChanged = (context, changed) => this.#obstacles.changed(context, changed);
  }

  close(): void {
    this.#outside?.close();
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
        this.#log.debug(`${localAddress}:${port}: nobody has this address`);
        request.unreachable('host');
        return;
      case 'outside':
        if (this.#outside === undefined) request.unreachable('net');
        else this.#outside.tcp(request);
    }
  }

  #service(request: TcpRequest, destination: ServiceDestination): void {
    const { localAddress, localPort: port } = request;
    const label = `${labelOf(destination)}:${port}`;
    const onFailure = (error: RemoteStreamError): void =>
      this.#obstacles.tell(destination, port, label, error);
    const flow = serviceFlow(destination, localAddress, port, this.#gate);
    switch (flow.kind) {
      case 'dial':
        carry(request, flow.dial, { label, log: this.#log, onFailure });
        return;
      case 'refused':
        onFailure(flow.error);
        request.refuse();
        return;
      case 'prohibited':
        request.unreachable('admin-prohibited');
    }
  }

  #admitPing(
    address: string,
    { context, service: { namespace, name } }: ServiceDestination,
  ): Pick<Passage, 'meter'> | undefined {
    if (this.#gate === undefined) return {};
    return this.#gate.admit('icmp', address, 0, { context, namespace, name });
  }

  #refuse(request: TcpRequest, label: string, why: string): void {
    this.#log.info(`${label}: refused, ${why}`);
    request.refuse();
  }

  #relay(request: TcpRequest, label: string, dial: Dial): void {
    const onFailure = ({ message }: RemoteStreamError): void => this.#log.info(`${label}: ${message}`);
    carry(request, dial, { label, log: this.#log, onFailure });
  }

  echo(request: EchoRequest): void {
    const destination = this.#directory.route(request.localAddress);
    if (destination.kind === 'outside' && this.#outside !== undefined) this.#outside.echo(request);
    else if (destination.kind === 'service') {
      const passage = this.#admitPing(request.localAddress, destination);
      passage?.meter?.ended();
      if (passage === undefined) request.unreachable('admin-prohibited');
      else request.reply();
    } else if (destination.kind === 'gateway' || destination.kind === 'endpoint') request.reply();
    else request.unreachable(destination.kind === 'gone' ? 'host' : unreachableCode(destination.kind));
  }

  udp(datagram: UdpDatagram): void {
    const destination = this.#directory.route(datagram.localAddress);
    if (destination.kind === 'outside' && this.#outside !== undefined) {
      this.#outside.udp(datagram);
      return;
    }
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
