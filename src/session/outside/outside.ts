/**
 * Flows to the rest of the network: past the gate, and on by the dialer that
 * policy chose. A flow that is denied, or that its dialer can't carry, is
 * answered as prohibited (RFC 1812, 5.2.7.1; RFC 4443, 3.1).
 */

import { type DatagramRoute, DatagramRelay, type Dialer } from '../../egress/index.ts';
import type { Log } from '../../observe/log.ts';
import type { Dial } from '../../relay/relay.ts';
import type { RemoteStreamError } from '../../relay/stream.ts';
import type { EchoRequest, Stack, TcpRequest, UdpDatagram } from '../../../stack/index.ts';
import { carry } from '../carry.ts';
import type { Egress } from './egress.ts';
import type { Gate, Passage } from './gate.ts';

export class Outside {
  readonly #gate: Gate;
  readonly #dialers: Egress['dialers'];
  readonly #log: Log;
  readonly #datagrams: DatagramRelay;

  constructor(stack: Stack, { gate, dialers }: Egress, log: Log) {
    this.#gate = gate;
    this.#dialers = dialers;
    this.#log = log;
    this.#datagrams = new DatagramRelay({ stack, route: (datagram) => this.#routeOf(datagram) });
  }

  tcp(request: TcpRequest): void {
    const { localAddress, localPort: port } = request;
    const passage = this.#gate.admit('tcp', localAddress, port);
    if (passage === undefined) {
      request.unreachable('admin-prohibited');
      return;
    }
    const { address, name, meter } = passage;
    const dialer = this.#dialerOf(passage);
    const destination = { address, port, ...(name !== undefined && { name }) };
    const dial: Dial = (events) => dialer.stream(destination, events);
    const label = `${name ?? address}:${port}`;
    const onFailure = ({ message }: RemoteStreamError): void => this.#log.info(`${label}: ${message}`);
    carry(request, dial, { label, via: dialer.name, meter, log: this.#log, onFailure });
  }

  udp(datagram: UdpDatagram): void {
    this.#datagrams.forward(datagram);
  }

  echo(request: EchoRequest): void {
    const passage = this.#gate.admit('icmp', request.localAddress, 0);
    const dialer = passage && this.#dialerOf(passage);
    if (passage === undefined || dialer?.echo === undefined) {
      passage?.meter?.ended();
      request.unreachable('admin-prohibited');
      return;
    }
    const { address, meter } = passage;
    const { data } = request;
    meter?.sent(data.length);
    dialer.echo({
      address,
      data,
      reply() {
        request.reply();
        meter?.received(data.length);
        meter?.ended();
      },
      unreachable(reason) {
        request.unreachable(reason);
        meter?.ended();
      },
    });
  }

  close(): void {
    this.#datagrams.close();
  }

  #routeOf({ localAddress, localPort: port }: UdpDatagram): DatagramRoute | undefined {
    const passage = this.#gate.admit('udp', localAddress, port);
    if (passage === undefined) return undefined;
    const { address, meter } = passage;
    return { dialer: this.#dialerOf(passage), destination: { address, port }, ...(meter && { meter }) };
  }

  #dialerOf({ via }: Passage): Dialer {
    const dialer = this.#dialers.get(via);
    if (dialer === undefined) throw new Error(`a rule was let in with an unknown dialer: ${via}`);
    return dialer;
  }
}
